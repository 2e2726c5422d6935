// The result of a change: what was done, and the entry of the audit log that proves it.
import { hasRole } from '../../state.js';
import { makeHash } from '../../router.js';
import { ButtonLink, CopyButton } from '../../ui/controls.js';
import { Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import type { Proof } from './api.js';
import { words } from './words.js';

/** A change that was made. */
export interface Done {
  text: string;
  proof: Proof;
}

export function ProofNotice({ done: { text, proof } }: { done: Done }) {
  const t = useWords(words);
  const { sequence, hash } = proof;
  return (
    <Notice kind="ok">
      <div class="proof">
        <p>
          <strong>{text}</strong>
        </p>
        <p>{t('proof', { sequence })}</p>
        <p class="proof-hash">
          {t('proofHash')}: <code>{hash}</code>
        </p>
      </div>
      <div class="row">
        <CopyButton text={`${sequence} ${hash}`} label={t('copyProof')} />
        {hasRole('admin') && <ButtonLink href={makeHash(['audit', String(sequence)])}>{t('showEntry')}</ButtonLink>}
      </div>
    </Notice>
  );
}
