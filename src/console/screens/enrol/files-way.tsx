// The second step, from pictures: a place to drop them, and a button to choose them.
import { useRef, useState } from 'preact/hooks';
import { Button } from '../../ui/controls.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

export interface FilesWayProps {
  /** False: the first step is not complete. */
  isReady: boolean;
  onFiles: (files: readonly File[]) => void;
}

export function FilesWay({ isReady, onFiles }: FilesWayProps) {
  const t = useWords(words);
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const take = (list: FileList | null | undefined): void => {
    if (isReady && list && list.length > 0) onFiles([...list]);
  };
  return (
    <>
      <div
        class={isOver && isReady ? 'drop drop-over' : 'drop'}
        // A file that is dropped beside the place would be opened in place of the page.
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer?.files);
        }}
      >
        <p class="drop-title">{t('drop')}</p>
        <p class="help">{t('dropHelp')}</p>
        <input
          ref={input}
          type="file"
          hidden
          multiple
          accept="image/jpeg,image/png"
          onChange={(event) => {
            take(event.currentTarget.files);
            // The same file may be chosen once more.
            event.currentTarget.value = '';
          }}
        />
        <Button kind="primary" disabled={!isReady} onClick={() => input.current?.click()}>
          {t('choose')}
        </Button>
        {!isReady && <p class="help">{t('whoFirst')}</p>}
      </div>
      <p class="quiet">{t('notLive')}</p>
    </>
  );
}
