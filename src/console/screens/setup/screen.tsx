// The screen "setup": the configuration in force, section by section, and the way to the YAML of a camera.
import { get } from '../../api/client.js';
import { useFetch } from '../../api/use-fetch.js';
import type { ScreenProps } from '../../screens.js';
import { ButtonLink } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { Empty, ErrorNotice, Facts, Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import type { YamlValue } from '../../yaml.js';
import { CameraForm } from './camera-form.js';
import { isGroup, listValues, NEW_CAMERA, showValue, type Draft } from './fields.js';
import { words } from './words.js';

/** Name of the form for a camera that is not configured yet; no camera may be called so. */
const NEW = '+';

export default function SetupScreen({ path: [chosen] }: ScreenProps) {
  const t = useWords(words);
  const { data, error, reload } = useFetch((signal) => get<{ configuration: Draft }>('configuration', {}, signal), []);
  const cameras = listCameras(data?.configuration);
  const camera = chosen === NEW ? NEW_CAMERA : cameras.find(({ id }) => id === chosen);
  const title = chosen === NEW ? t('newCamera') : chosen === undefined ? t('title') : t('camera', { id: chosen });
  return (
    <Page
      key={chosen}
      title={title}
      lead={t(chosen === undefined ? 'lead' : 'formLead')}
      actions={chosen !== undefined && <ButtonLink href="#/setup">{t('back')}</ButtonLink>}
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {data && chosen === undefined && <Configuration configuration={data.configuration} cameras={cameras} />}
      {data && chosen !== undefined && !camera && <Notice kind="warn">{t('gone')}</Notice>}
      {data && chosen !== undefined && camera && <CameraForm key={chosen} camera={camera} isNew={chosen === NEW} />}
    </Page>
  );
}

function Configuration({ configuration, cameras }: { configuration: Draft; cameras: readonly Draft[] }) {
  const t = useWords(words);
  const rest = Object.entries(configuration).filter(([name]) => name !== 'cameras');
  return (
    <>
      <Card title={t('cameras')} actions={<ButtonLink href={`#/setup/${NEW}`}>{t('addCamera')}</ButtonLink>}>
        {cameras.length === 0 && <Empty>{t('noCameras')}</Empty>}
        {cameras.map((camera) => {
          const id = showValue(camera.id);
          return (
            <section key={id} class="setup-camera" aria-label={t('camera', { id })}>
              <div class="row row-between">
                <h3>{id}</h3>
                <ButtonLink href={`#/setup/${encodeURIComponent(id)}`}>
                  <span aria-hidden="true">{t('edit')}</span>
                  <span class="hidden">{t('editCamera', { id })}</span>
                </ButtonLink>
              </div>
              <Values value={camera} />
            </section>
          );
        })}
      </Card>
      <Card title={t('sections')}>
        {rest.map(([name, section]) =>
          isGroup(section) ? (
            <details key={name}>
              <summary class="mono">{name}</summary>
              <Values value={section} />
            </details>
          ) : (
            <Values key={name} value={{ [name]: section }} />
          ),
        )}
      </Card>
    </>
  );
}

function Values({ value }: { value: YamlValue }) {
  const t = useWords(words);
  return (
    <Facts
      items={listValues(value).map(([key, inner]) => [
        key,
        <span class="mono">
          {Array.isArray(inner) ? inner.map(showValue).join(', ') || t('none') : showValue(inner)}
        </span>,
      ])}
    />
  );
}

function listCameras(configuration: Draft | undefined): Draft[] {
  const cameras = configuration?.cameras;
  return Array.isArray(cameras) ? (cameras as readonly YamlValue[]).filter(isGroup) : [];
}
