// @ts-check
// Owns form controls and the running of one action at a time with its failure.
// Never calls the model by itself.
import { html, useEffect, useId, useRef, useSignal } from '../vendor/ui.mjs';
import { Icon, IconButton } from './parts.js';

/** @typedef {import('../model.d.ts').Failure} Failure */

/**
 * Runs an action once at a time and keeps what went wrong.
 * @template {unknown[]} A
 * @param {(...args: A) => Promise<void> | void} run
 */
export function useAction(run) {
  const busy = useSignal(false);
  const failure = useSignal(/** @type {Failure | null} */ (null));
  /** @param {A} args */
  const go = async (...args) => {
    if (busy.peek()) return;
    busy.value = true;
    failure.value = null;
    try {
      await run(...args);
    } catch (error) {
      failure.value = asFailure(error);
    } finally {
      busy.value = false;
    }
  };
  return { busy, failure, go };
}

/** Fails the action when a field is empty; the field shows `message`. @param {string} field @param {string} value @param {string} message */
export function need(field, value, message) {
  if (value.trim() !== '') return;
  throw Object.assign(new Error(message), { code: 'validation', status: 0, retryAfter: null, fields: { [field]: message } });
}

/** @param {unknown} error @returns {Failure} */
export function asFailure(error) {
  if (error instanceof Error && 'code' in error) return /** @type {Failure} */ (error);
  console.error(error);
  const failure = new Error('Something went wrong in this page. Reload it and try again.');
  return Object.assign(failure, { code: 'internal', status: 0, retryAfter: null, fields: {} });
}

/**
 * A form that sends its focus to the first field in trouble. `focusFirst` starts in the first field, except by touch,
 * where it would open the keyboard over the page.
 * @param {{ children?: any, action: ReturnType<typeof useAction<[]>>, label?: string, focusFirst?: boolean }} p
 */
export function Form({ children, action, label, focusFirst }) {
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const failure = action.failure.value;
  useEffect(() => {
    if (focusFirst && matchMedia('(hover: hover)').matches) form.current?.querySelector('input')?.focus();
  }, []);
  useEffect(() => {
    const first = failure && form.current?.querySelector('[aria-invalid=true]');
    if (first instanceof HTMLElement) first.focus();
  }, [failure]);
  /** @param {SubmitEvent} event */
  const onSubmit = (event) => {
    event.preventDefault();
    void action.go();
  };
  return html`<form class="form" novalidate ref=${form} aria-label=${label} onSubmit=${onSubmit}>${children}</form>`;
}

/** What went wrong, unless a field already says it. @param {{ failure: Failure | null, fields?: string[] }} p */
export function Problem({ failure, fields = [] }) {
  const shown = failure && !fields.some((field) => failure.fields?.[field]);
  return html`<div role="alert">
    ${shown && html`<p class="problem box"><${Icon} name="circle-alert" size=${16} /><span>${failure.message}</span></p>`}
  </div>`;
}

/**
 * One labelled text field bound to a signal.
 * @param {{ label: string, value: import('../vendor/ui.mjs').Signal<string>, type?: string, hint?: any,
 *   error?: string | null, long?: boolean, [attribute: string]: unknown }} p
 */
export function Field({ label, value, type = 'text', hint, error = null, long, ...rest }) {
  const id = useId();
  const shown = useSignal(false);
  const describedBy = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  const secret = type === 'password';
  /** @param {Event} event */
  const onInput = (event) => {
    value.value = /** @type {HTMLInputElement} */ (event.currentTarget).value;
  };
  const control = html`<${long ? 'textarea' : 'input'}
    ...${rest}
    class="input"
    id=${id}
    type=${long ? undefined : secret && shown.value ? 'text' : type}
    value=${value.value}
    aria-invalid=${error ? 'true' : undefined}
    aria-describedby=${describedBy}
    onInput=${onInput}
  />`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${secret
      ? html`<div class="with-button has-inside">
          ${control}
          <${IconButton}
            class="inside-button"
            name=${shown.value ? 'eye-off' : 'eye'}
            label=${shown.value ? 'Hide password' : 'Show password'}
            onClick=${() => (shown.value = !shown.value)}
          />
        </div>`
      : control}
    ${error && html`<p class="problem" id=${`${id}-error`}><${Icon} name="circle-alert" size=${16} />${error}</p>`}
    ${hint && html`<small id=${`${id}-hint`}>${hint}</small>`}
  </div>`;
}

/**
 * @param {{ label: string, value: import('../vendor/ui.mjs').Signal<string>, options: [string, string][] }} p
 */
export function Select({ label, value, options }) {
  const id = useId();
  /** @param {Event} event */
  const onChange = (event) => {
    value.value = /** @type {HTMLSelectElement} */ (event.currentTarget).value;
  };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select class="input" id=${id} value=${value.value} onChange=${onChange}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}
    </select>
  </div>`;
}

/**
 * One of a few, side by side.
 * @param {{ label: string, value: string, options: { value: string, label: string, icon?: string }[], onChange: (value: string) => void }} p
 */
export function Choice({ label, value, options, onChange }) {
  const name = useId();
  return html`<fieldset class="field choice">
    <legend>${label}</legend>
    <div class="choice-row">
      ${options.map(
        (option) => html`<label key=${option.value}>
          <input type="radio" name=${name} checked=${option.value === value} onChange=${() => onChange(option.value)} />
          <span>${option.icon && html`<${Icon} name=${option.icon} size=${16} />`}${option.label}</span>
        </label>`,
      )}
    </div>
  </fieldset>`;
}

/**
 * A row with a switch; changes count at once.
 * @param {{ label: string, hint?: string, checked: boolean, onChange: (checked: boolean) => void }} p
 */
export function SwitchRow({ label, hint, checked, onChange }) {
  const id = useId();
  /** @param {Event} event */
  const changed = (event) => onChange(/** @type {HTMLInputElement} */ (event.currentTarget).checked);
  return html`<li>
    <span class="two-lines">
      <b id=${id}>${label}</b>
      ${hint && html`<small id=${`${id}-hint`}>${hint}</small>`}
    </span>
    <input class="switch" type="checkbox" role="switch" aria-labelledby=${id} aria-describedby=${hint ? `${id}-hint` : undefined} checked=${checked} onChange=${changed} />
  </li>`;
}
