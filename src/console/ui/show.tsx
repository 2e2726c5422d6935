// What shows data and states: badges, notices, tables, lists of facts.
import type { ComponentChildren } from 'preact';
import { shellWords } from '../shell-words.js';
import { useWords } from '../words.js';
import type { ApiError } from '../api/client.js';
import { Button } from './controls.js';

export type Kind = 'ok' | 'warn' | 'bad' | 'off';

/** A state in one or two words, with a colour and a shape of its own. */
export function Badge({ kind, children }: { kind: Kind; children: ComponentChildren }) {
  return <span class={`badge badge-${kind}`}>{children}</span>;
}

/** A message in the page; `bad` and `warn` are read out at once. */
export function Notice({ kind, children }: { kind: Kind | 'info'; children: ComponentChildren }) {
  return (
    <div class={`notice notice-${kind}`} role={kind === 'bad' || kind === 'warn' ? 'alert' : 'status'}>
      {children}
    </div>
  );
}

/** Names an error of the API in the page, with a button to try again. */
export function ErrorNotice({ error, retry }: { error: ApiError; retry?: () => void }) {
  const t = useWords(shellWords);
  return (
    <Notice kind="bad">
      <p>{describeError(error, t)}</p>
      {retry && <Button onClick={retry}>{t('retry')}</Button>}
    </Notice>
  );
}

function describeError(
  { status, code, message }: ApiError,
  t: ReturnType<typeof useWords<keyof typeof shellWords.en>>,
): string {
  if (status === 0 && code === 'OFFLINE') return t('unreachable');
  if (code === 'ROLE_TOO_LOW') return t('tooLow');
  return t('loadFailed', { message });
}

export function Spinner() {
  const t = useWords(shellWords);
  return (
    <p class="spinner" role="status">
      {t('loading')}
    </p>
  );
}

/** What is shown in place of an empty list. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

/** A list of names and values. */
export function Facts({ items }: { items: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export interface TableProps {
  /** What the table lists, for screen readers. */
  caption: string;
  headers: readonly string[];
  /** Cells of each row; the first one names the row. On a phone each row becomes a card. */
  rows: readonly { key: string; cells: readonly ComponentChildren[] }[];
}

export function Table({ caption, headers, rows }: TableProps) {
  return (
    <div class="table-box">
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {headers.map((header) => (
              <th key={header} scope="col">
                {header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, index) =>
                index === 0 ? (
                  <th key={index} scope="row">
                    {cell}
                  </th>
                ) : (
                  <td key={index} data-label={headers[index]}>
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Buttons to the newer and the older page of a list. A missing function disables its button. */
export function Pager({
  onNewer,
  onOlder,
}: {
  onNewer?: (() => void) | undefined;
  onOlder?: (() => void) | undefined;
}) {
  const t = useWords(shellWords);
  if (!onNewer && !onOlder) return null;
  return (
    <div class="pager">
      <Button disabled={!onNewer} onClick={() => onNewer?.()}>
        ← {t('newer')}
      </Button>
      <Button disabled={!onOlder} onClick={() => onOlder?.()}>
        {t('older')} →
      </Button>
    </div>
  );
}
