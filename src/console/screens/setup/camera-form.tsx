// The form of one camera: changed values become the YAML of its entry, which the device checks and nobody but a person applies.
import { useEffect, useState } from 'preact/hooks';
import { send } from '../../api/client.js';
import { CopyButton, Select, Switch, TextInput } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { writeYaml, type YamlValue } from '../../yaml.js';
import {
  CAMERA_FIELDS,
  listChanges,
  parseTyped,
  readValue,
  showValue,
  SOURCE_FIELDS,
  writeValue,
  type CameraField,
  type Draft,
} from './fields.js';
import { words } from './words.js';

interface Checked {
  valid: boolean;
  problems: string[];
}

/** Pause in typing after which the device is asked. */
const CHECK_AFTER_MS = 400;
const STEPS = [
  ['step1', 'sudoedit /etc/lintel/lintel.yaml'],
  ['step2', undefined],
  ['step3', 'sudo lintel doctor'],
  ['step4', 'sudo systemctl restart lintel'],
] as const;

export function CameraForm({ camera, isNew }: { camera: Draft; isNew: boolean }) {
  const t = useWords(words);
  const [draft, setDraft] = useState(camera);
  const [checked, setChecked] = useState<Checked>();
  const yaml = writeYaml([draft]);
  useEffect(() => {
    setChecked(undefined);
    let isOver = false;
    const timer = setTimeout(() => {
      send<Checked>('POST', 'configuration/check', { text: writeYaml({ cameras: [draft] }) }).then(
        (answer) => {
          if (!isOver) setChecked(answer);
        },
        () => undefined,
      );
    }, CHECK_AFTER_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [yaml]);
  const change = (key: string, value: YamlValue | undefined): void =>
    setDraft((before) => writeValue(before, key, value));
  const type = showValue(readValue(draft, 'source.type'));
  const changes = listChanges(camera, draft);
  return (
    <>
      <Card title={t('values')}>
        <div class="setup-form">
          {isNew && <Control field={{ key: 'id', label: 'id', kind: 'text' }} draft={draft} onChange={change} />}
          <Select
            label={t('type')}
            value={type}
            options={Object.keys(SOURCE_FIELDS).map((kind) => [kind, t(kind as 'device')])}
            onValue={(kind) => setDraft((before) => ({ ...before, source: { type: kind } }))}
          />
          {(SOURCE_FIELDS[type] ?? []).map((field) => (
            <Control key={`${type} ${field.key}`} field={field} draft={draft} onChange={change} />
          ))}
          {draft.groups === undefined ? (
            <Control field={{ key: 'group', label: 'group', kind: 'text' }} draft={draft} onChange={change} />
          ) : (
            <p class="quiet">{t('groupsHelp')}</p>
          )}
          {CAMERA_FIELDS.map((field) => (
            <Control key={field.key} field={field} draft={draft} onChange={change} />
          ))}
        </div>
      </Card>
      <Card title={t('text')} actions={<CopyButton text={yaml} label={t('copyYaml')} />}>
        {!isNew && <p>{changes.length === 0 ? t('asBefore') : t('changed', { keys: changes.join(', ') })}</p>}
        <Verdict checked={checked} />
        {yaml.includes('***') && <Notice kind="warn">{t('masked')}</Notice>}
        <pre class="yaml" tabIndex={0} role="region" aria-label={t('text')}>
          {yaml}
        </pre>
        <h3>{t('howTo')}</h3>
        <ol class="setup-steps">
          {STEPS.map(([step, command]) => (
            <li key={step}>
              {t(step)} {command && <code class="mono">{command}</code>}
            </li>
          ))}
        </ol>
      </Card>
    </>
  );
}

function Verdict({ checked }: { checked: Checked | undefined }) {
  const t = useWords(words);
  if (!checked) return <p class="quiet">{t('checking')}</p>;
  if (checked.valid) return <Notice kind="ok">{t('valid')}</Notice>;
  return (
    <Notice kind="bad">
      <p>{t('invalid')}</p>
      <ul>
        {checked.problems.map((problem) => (
          <li key={problem}>{problem.replace(/^cameras\[0\]\.?/, '').replace(/ \(line \d+\)$/, '')}</li>
        ))}
      </ul>
    </Notice>
  );
}

interface ControlProps {
  field: CameraField;
  draft: Draft;
  onChange: (key: string, value: YamlValue | undefined) => void;
}

function Control({ field, draft, onChange }: ControlProps) {
  const t = useWords(words);
  const { key, label, kind, choices = [], help } = field;
  const value = readValue(draft, key);
  const [typed, setTyped] = useState(showValue(value));
  if (kind === 'flag') {
    return <Switch label={t(label)} checked={value === true} onChange={(checked) => onChange(key, checked)} />;
  }
  if (kind === 'choice') {
    // A value that is not set has its default, which the device knows.
    const options = choices.map((choice): [string, string] => [showValue(choice), showValue(choice)]);
    return (
      <Select
        label={t(label)}
        value={showValue(value)}
        options={value === undefined ? [['', t('none')], ...options] : options}
        onValue={(chosen) =>
          onChange(
            key,
            choices.find((choice) => showValue(choice) === chosen),
          )
        }
      />
    );
  }
  return (
    <TextInput
      label={t(label)}
      help={help && t(help)}
      value={typed}
      attributes={kind === 'number' ? { inputMode: 'decimal' } : {}}
      onValue={(next) => {
        setTyped(next);
        onChange(key, parseTyped(field, next));
      }}
    />
  );
}
