// The screen "audit": the list of entries with the check of the chain, or one entry.
import type { ScreenProps } from '../../screens.js';
import { AuditEntryPage } from './entry.js';
import { AuditList } from './list.js';

export default function AuditScreen({ path, query }: ScreenProps) {
  const [sequence] = path;
  return sequence === undefined ? <AuditList query={query} /> : <AuditEntryPage key={sequence} sequence={sequence} />;
}
