// Reads the gallery of this device: from the service that runs on the data directory, or from the directory where none does.
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { AuditEntry } from '../../domain/audit.js';
import type { BackupRecord } from '../../gallery/backup.types.js';
import { askService } from '../admin-client.js';
import type { CliContext } from '../context.js';
import { withOwnStore } from '../own-store.js';

const EXPORTED: AuditEntry = { action: 'gallery.exported', actor: 'cli', subject: {} };

/**
 * Reads the gallery, with the registry of the appKeys.
 * @param isExport true when the records are written to a file: the audit log then records it. A running service records every reading
 * @throws AppError like askService and withOwnStore
 */
export async function readLocalGallery(
  config: Config,
  context: Pick<CliContext, 'environment' | 'clock'>,
  { isExport }: { isExport: boolean },
  work: (records: AsyncIterable<BackupRecord>) => Promise<void>,
): Promise<void> {
  const { decodeRecords, exportGallery } = await import('../../gallery/backup-records.js');
  const bytes = await askService(dataPaths(config).adminSocket, 'GET', '/gallery');
  if (bytes) {
    await work(decodeRecords(bytes));
    return;
  }
  const { auditFirst } = await import('../../audit/audited.js');
  await withOwnStore(config, context, (store, { audit, keys }) => {
    const records = (): AsyncGenerator<Buffer> => exportGallery(store, context.clock, () => keys.appKeys.encode());
    return work(decodeRecords(isExport ? auditFirst(audit, EXPORTED, records) : records()));
  });
}
