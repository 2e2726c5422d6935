// The results of uploaded pictures: each in a row of its own, which opens to everything that was found.
import { useEffect, useState } from 'preact/hooks';
import { formatBytes } from '../../format.js';
import { Badge } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { adviceWords } from './advice-words.js';
import type { Wish } from './enrol-api.js';
import { describeOutcome, describeState, OutcomeView, type Outcome } from './outcome.js';
import { words } from './words.js';

export interface Upload {
  key: number;
  file: File;
  wish: Wish;
  /** Undefined until the device has answered. */
  outcome: Outcome | undefined;
}

export function FileResults({ uploads }: { uploads: readonly Upload[] }) {
  const current = uploads.find(({ outcome }) => outcome === undefined);
  return (
    <ul class="uploads">
      {uploads.map((upload) => (
        <UploadRow key={upload.key} upload={upload} isCurrent={upload === current} isOpen={uploads.length === 1} />
      ))}
    </ul>
  );
}

function UploadRow({ upload, isCurrent, isOpen }: { upload: Upload; isCurrent: boolean; isOpen: boolean }) {
  const t = useWords(words);
  const a = useWords(adviceWords);
  const { file, wish, outcome } = upload;
  const state = outcome && describeState(outcome);
  const name = (
    <>
      <Thumbnail file={file} />
      <span class="upload-name">
        <span>{file.name}</span>
        <span class="quiet">
          {outcome
            ? describeOutcome(outcome, t, a)
            : `${formatBytes(file.size)} · ${t(isCurrent ? 'sending' : 'waiting')}`}
        </span>
      </span>
      {state && <Badge kind={state.kind}>{t(state.key)}</Badge>}
    </>
  );
  if (!outcome) {
    return (
      <li>
        <div class="upload-head">{name}</div>
      </li>
    );
  }
  return (
    <li>
      <details open={isOpen}>
        <summary class="upload-head">{name}</summary>
        <OutcomeView outcome={outcome} wish={wish} hasHead={false} />
      </details>
    </li>
  );
}

/** A small view of the file, which the browser makes of its own copy; nothing for a file that it may not be able to show. */
function Thumbnail({ file }: { file: File }) {
  const [url, setUrl] = useState<string | undefined>();
  const isShown = file.type === 'image/jpeg' || file.type === 'image/png';
  useEffect(() => {
    if (!isShown) return;
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return url === undefined ? (
    <span class="thumbnail" aria-hidden="true" />
  ) : (
    <img class="thumbnail" src={url} alt="" onError={() => setUrl(undefined)} />
  );
}
