// Buttons, switches and fields.
import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { announce } from './announce.js';
import { shellWords } from '../shell-words.js';
import { useWords } from '../words.js';

type ButtonAttributes = Omit<JSX.IntrinsicElements['button'], 'type' | 'class' | 'onClick'>;

export interface ButtonProps extends ButtonAttributes {
  kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  /** True for the button that sends the form around it. */
  submits?: boolean;
  /** True while its action runs: the button is disabled, and says so to screen readers. */
  busy?: boolean;
  onClick?: () => void;
  children: ComponentChildren;
}

export function Button({ kind = 'plain', submits, busy, disabled, onClick, children, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={submits ? 'submit' : 'button'}
      class={`button button-${kind}`}
      disabled={disabled || busy}
      aria-busy={busy}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

/** A link that looks like a button. @param href hash of a place: see makeHash */
export function ButtonLink({
  href,
  children,
  kind = 'plain',
}: {
  href: string;
  children: ComponentChildren;
  kind?: 'plain' | 'primary' | 'quiet';
}) {
  return (
    <a class={`button button-${kind}`} href={href}>
      {children}
    </a>
  );
}

export interface SwitchProps {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  /** A sentence below the label. */
  help?: string | undefined;
  large?: boolean;
  /** Colour of the state on. */
  kind?: 'accent' | 'bad';
}

export function Switch({ label, checked, onChange, disabled, help, large, kind = 'accent' }: SwitchProps) {
  const id = useId();
  return (
    <div class={large ? 'switch switch-large' : 'switch'}>
      <button
        type="button"
        role="switch"
        id={id}
        class={`switch-track switch-${kind}`}
        aria-checked={checked}
        aria-describedby={help === undefined ? undefined : `${id}-help`}
        disabled={disabled}
        onClick={() => onChange(!checked)}
      >
        <span class="switch-thumb" aria-hidden="true" />
        <span class="switch-label">{label}</span>
      </button>
      {help !== undefined && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

/** A box to tick, with its label. */
export function Checkbox({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

export interface FieldProps {
  label: string;
  help?: string | undefined;
  /** What is wrong with the value, in a sentence. */
  error?: string | undefined;
}

interface FieldIds {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean;
}

/** Label, help and error around one control. @param children receives the attributes that connect the control with them */
export function Field({
  label,
  help,
  error,
  children,
}: FieldProps & { children: (ids: FieldIds) => ComponentChildren }) {
  const id = useId();
  const describedBy = [help !== undefined && `${id}-help`, error !== undefined && `${id}-error`]
    .filter(Boolean)
    .join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': describedBy || undefined, 'aria-invalid': error !== undefined })}
      {help !== undefined && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
      {error !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

export interface TextInputProps extends FieldProps {
  type?: 'text' | 'password' | 'search' | 'number' | 'date' | 'datetime-local';
  value: string;
  onValue: (value: string) => void;
  disabled?: boolean;
  required?: boolean;
  maxLength?: number;
  placeholder?: string;
  /** Further attributes of the element, such as `min` and `list`. */
  attributes?: Readonly<Record<string, string | number | boolean>>;
}

export function TextInput({ label, help, error, type = 'text', value, onValue, attributes, ...rest }: TextInputProps) {
  return (
    <Field label={label} help={help} error={error}>
      {(ids) => (
        <input
          autocomplete="off"
          spellcheck={false}
          {...rest}
          {...attributes}
          {...ids}
          {...({ type } as { type: 'text' })}
          class="input"
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export interface SelectProps extends FieldProps {
  value: string;
  /** Value and text of each choice. */
  options: readonly (readonly [string, string])[];
  onValue: (value: string) => void;
  disabled?: boolean;
}

export function Select({ label, help, error, value, options, onValue, disabled }: SelectProps) {
  return (
    <Field label={label} help={help} error={error}>
      {(ids) => (
        <select
          {...ids}
          class="input"
          value={value}
          disabled={disabled}
          onChange={(event) => onValue(event.currentTarget.value)}
        >
          {options.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export interface SliderProps extends FieldProps {
  value: number;
  min: number;
  max: number;
  step?: number;
  /** The value as it is read out and shown. */
  text: string;
  onValue: (value: number) => void;
}

export function Slider({ label, help, value, min, max, step = 1, text, onValue }: SliderProps) {
  return (
    <Field label={label} help={help}>
      {(ids) => (
        <div class="slider">
          <input
            {...ids}
            type="range"
            value={value}
            min={min}
            max={max}
            step={step}
            aria-valuetext={text}
            onInput={(event) => onValue(event.currentTarget.valueAsNumber)}
          />
          <output for={ids.id}>{text}</output>
        </div>
      )}
    </Field>
  );
}

/** Copies a text to the clipboard. */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const t = useWords(shellWords);
  const [state, setState] = useState<'copy' | 'copied' | 'copyFailed'>('copy');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setState('copied');
      announce(t('copied'));
    } catch {
      // A page over plain HTTP has no clipboard.
      setState('copyFailed');
      announce(t('copyFailed'));
    }
  };
  return <Button onClick={() => void copy()}>{state === 'copy' ? (label ?? t('copy')) : t(state)}</Button>;
}
