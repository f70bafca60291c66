// @ts-check
// Owns how notices are shown and how long they stay.
// Never makes a notice; model.notify does.
import { html, useEffect } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { Icon, IconButton } from './parts.js';

const INFO_MS = 5_000;
const ERROR_MS = 12_000;

export function Toasts() {
  return html`<div class="toasts" role="region" aria-label="Notices" aria-live="polite" aria-relevant="additions">
    ${model.notices.value.map((notice) => html`<${Toast} key=${notice.id} notice=${notice} />`)}
  </div>`;
}

/** @param {{ notice: { id: number, kind: 'info' | 'error', text: string } }} p */
function Toast({ notice }) {
  const error = notice.kind === 'error';
  useEffect(() => {
    const timer = setTimeout(() => model.dismiss(notice.id), error ? ERROR_MS : INFO_MS);
    return () => clearTimeout(timer);
  }, [notice.id]);
  return html`<div class=${`toast ${notice.kind}`} role=${error ? 'alert' : undefined}>
    <${Icon} name=${error ? 'circle-alert' : 'check'} />
    <span class="toast-text">${notice.text}</span>
    <${IconButton} name="x" label="Dismiss" size=${16} onClick=${() => model.dismiss(notice.id)} />
  </div>`;
}
