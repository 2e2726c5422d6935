// What the screens of an authority and a door share: fingerprints, facts, the table of the groups, and dialogs that ask before a change.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { toApiError } from '../../api/use-fetch.js';
import { formatAgo, formatNumber } from '../../format.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import { Card } from '../../ui/page.js';
import { Badge, Empty, Facts, Notice, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { COPY_KINDS, type ShownCopyState, type ShownFleet, type ShownGroup } from './api.js';
import { words } from './words.js';

/** A fingerprint as people compare it: two lines on a phone, one elsewhere. */
export function Fingerprint({ text }: { text: string }) {
  return <code class="fingerprint">{text}</code>;
}

export function CopyBadge({ state }: { state: ShownCopyState }) {
  const t = useWords(words);
  return <Badge kind={COPY_KINDS[state]}>{t(state)}</Badge>;
}

/** Checks the role of this device in the fleet, and whether it reaches the log. @param more further facts */
export function AboutCard({
  fleet,
  more = [],
}: {
  fleet: ShownFleet;
  more?: readonly (readonly [string, ComponentChildren])[];
}) {
  const t = useWords(words);
  const { name, fingerprint, log } = fleet;
  return (
    <Card title={t('about')}>
      <Facts
        items={[
          [t('name'), name],
          ...more,
          ...(fingerprint === undefined
            ? []
            : [
                [
                  t(fleet.role === 'door' ? 'doorFingerprint' : 'fingerprint'),
                  <Fingerprint text={fingerprint} />,
                ] as const,
              ]),
          ...(log
            ? [
                [
                  `${t('log')}: ${t(log.kind)}`,
                  <Badge kind={log.isConnected ? 'ok' : 'bad'}>
                    {t(log.isConnected ? 'connected' : 'unconnected')}
                  </Badge>,
                ] as const,
              ]
            : []),
        ]}
      />
      {log?.detail && <Notice kind="warn">{log.detail}</Notice>}
    </Card>
  );
}

/** The groups that are shared, or the copies. @param empty shown where there are none */
export function GroupsCard({ title, groups, empty }: { title: string; groups: readonly ShownGroup[]; empty: string }) {
  const t = useWords(words);
  return (
    <Card title={title}>
      {groups.length === 0 ? (
        <Empty>{empty}</Empty>
      ) : (
        <Table
          caption={title}
          headers={[t('group'), t('state'), t('version'), t('records'), t('epoch'), t('issued'), t('models')]}
          rows={groups.map((group) => ({
            key: group.groupId,
            cells: [
              group.groupId,
              <div class="fleet-cell">
                <CopyBadge state={group.state} />
                {group.detail && <p class="help">{group.detail}</p>}
              </div>,
              formatNumber(group.version),
              formatNumber(group.records),
              formatNumber(group.epoch),
              group.issuedAt === undefined ? '–' : formatAgo(group.issuedAt),
              group.modelVersion,
            ],
          }))}
        />
      )}
    </Card>
  );
}

export interface AskProps {
  title: string;
  action: string;
  danger?: boolean;
  /** True while something in the dialog is still to be done. */
  disabled?: boolean;
  /** Does it; its error is shown in the dialog. */
  change: () => Promise<unknown>;
  onClose: () => void;
  onDone: () => void;
  children: ComponentChildren;
}

/** A dialog that asks before a change, and stays open where the change did not succeed. */
export function AskDialog({
  title,
  action,
  danger = false,
  disabled = false,
  change,
  onClose,
  onDone,
  children,
}: AskProps) {
  const t = useWords(words);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await change();
      onDone();
    } catch (error) {
      setProblem(toApiError(error).message);
      setBusy(false);
    }
  };
  return (
    <ConfirmDialog
      title={title}
      action={action}
      danger={danger}
      busy={busy}
      disabled={disabled}
      onConfirm={() => void confirm()}
      onCancel={onClose}
    >
      {children}
      {problem !== undefined && <Notice kind="bad">{t('failedText', { message: problem })}</Notice>}
    </ConfirmDialog>
  );
}
