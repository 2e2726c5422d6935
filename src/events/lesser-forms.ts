// The order in which records of the history that the broker refused are sent with less: one at a time, and none while the topic is blocked.

/** One record of the history, from its first message to the answer of the last one. */
export interface RecordTurn {
  /**
   * Waits until no other record is being sent with less. @returns false when the broker has refused a record in every form since this one
   * was sent: the refusal then says nothing about this record
   */
  waitForTurn: () => Promise<boolean>;
  /** Ends the record. Call it once in every case. @param isBlocked whether the broker took no form of it */
  end: (isBlocked: boolean) => void;
}

/**
 * A broker that refuses everything for a while would otherwise be offered the lesser forms of all records in flight, and would take those
 * that arrive when it has recovered, although it would take the whole records as well.
 */
export class LesserForms {
  /** Changes whenever the broker took no form of a record. */
  #round = 0;
  /** Resolves when the last record in line has ended. */
  #line: Promise<void> = Promise.resolve();

  begin(): RecordTurn {
    const round = this.#round;
    let leave: (() => void) | undefined;
    const waitForTurn = async (): Promise<boolean> => {
      if (!leave) {
        const before = this.#line;
        this.#line = new Promise((resolve) => (leave = resolve));
        await before;
      }
      return round === this.#round;
    };
    const end = (isBlocked: boolean): void => {
      if (isBlocked) this.#round++;
      leave?.();
    };
    return { waitForTurn, end };
  }
}
