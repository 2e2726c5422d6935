// The result codes of the contract and their names, written here again so that the suite does not depend on the service.

export const RESULT_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'Success'],
  [40070, 'ServiceQuotaExceededPartialSuccessException'],
  [-40000, 'InvalidParam'],
  [-40010, 'InvalidGroupID'],
  [-40020, 'DuplicatedGroupID'],
  [-40030, 'NotFoundGroupError'],
  [-40040, 'InvalidTokenError'],
  [-40050, 'NotFoundFaceIDError'],
  [-40070, 'ServiceQuotaExceededException'],
  [-40080, 'ModelVersionMismatch'],
  [-41000, 'UnauthorizedAppKey'],
  [-41005, 'UnauthorizedAppKeyOrSecretKey'],
  [-45020, 'ImageTooLargeException'],
  [-45030, 'InvalidImageBytesException'],
  [-45040, 'InvalidImageFormatException'],
  [-45050, 'InvalidImageURLException'],
  [-45060, 'ImageTimeoutError'],
  [-45080, 'InvalidImageFileException'],
  [-50000, 'InternalServerError'],
  [-50300, 'ServerBusy'],
]);
