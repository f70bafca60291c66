// @ts-check
// Owns the small shared parts: icons, buttons, avatars, spinner.
// Never reads the model: everything comes in as a property.
import { html, useId } from '../vendor/ui.mjs';

const SPRITE = new URL('../vendor/icons.svg', import.meta.url).pathname;

/** @param {{ name: string, size?: number }} p */
export function Icon({ name, size = 18 }) {
  return html`<svg class="icon" width=${size} height=${size} aria-hidden="true" focusable="false">
    <use href=${`${SPRITE}#${name}`} />
  </svg>`;
}

/**
 * A button that shows an icon only; `label` names it for everyone.
 * @param {{ name: string, label: string, size?: number, class?: string, pressed?: boolean, why?: string | null,
 *   onClick?: (event: MouseEvent) => void, type?: string, [attribute: string]: unknown }} p
 */
export function IconButton({ name, label, size, class: extra = '', pressed, why = null, onClick, type = 'button', ...rest }) {
  const id = useId();
  return html`<button
      ...${rest}
      type=${type}
      class=${`icon-button ${extra}`}
      aria-label=${label}
      title=${why ?? label}
      aria-pressed=${pressed === undefined ? undefined : String(pressed)}
      aria-disabled=${why ? 'true' : undefined}
      aria-describedby=${why ? id : undefined}
      onClick=${guarded(why, onClick)}
    >
      <${Icon} name=${name} size=${size} />
    </button>
    ${why && html`<span class="unseen" id=${id}>${why}</span>`}`;
}

/**
 * A button with words. While `busy` it shows a spinner; `why` disables it and says the reason.
 * @param {{ children?: any, icon?: string, kind?: '' | 'primary' | 'danger' | 'quiet-danger', large?: boolean,
 *   busy?: boolean, why?: string | null, type?: string, onClick?: (event: MouseEvent) => void,
 *   [attribute: string]: unknown }} p
 */
export function Button({ children, icon, kind = '', large, busy, why = null, type = 'button', onClick, ...rest }) {
  const id = useId();
  return html`<button
      ...${rest}
      type=${type}
      class=${`button ${kind} ${large ? 'large' : ''}`}
      aria-busy=${busy ? 'true' : undefined}
      aria-disabled=${why ? 'true' : undefined}
      aria-describedby=${why ? id : undefined}
      title=${why ?? undefined}
      onClick=${guarded(why || busy, onClick)}
    >
      ${busy ? html`<${Spinner} />` : icon ? html`<${Icon} name=${icon} />` : null}${children}
    </button>
    ${why && html`<span class="unseen" id=${id}>${why}</span>`}`;
}

/**
 * @param {unknown} blocked
 * @param {((event: MouseEvent) => void) | undefined} run
 */
function guarded(blocked, run) {
  if (!blocked) return run;
  return (/** @type {MouseEvent} */ event) => event.preventDefault();
}

/**
 * Decorative: the name stands beside it.
 * @param {{ id: string, name: string, size?: number, status?: import('../model.d.ts').Status | null, gone?: boolean }} p
 */
export function Avatar({ id, name, size = 40, status = null, gone }) {
  const style = { '--hue': String(hueOf(id)), '--size': `${size}px` };
  return html`<span class=${gone ? 'avatar gone' : 'avatar'} style=${style} aria-hidden="true">
    ${initials(name)}${status && html`<i class=${`status ${status}`}></i>`}
  </span>`;
}

/** Hues far enough apart to tell people from each other. */
const HUES = [12, 35, 62, 95, 130, 150, 180, 205, 230, 265, 300, 340];

/** A hue in degrees that stays the same for one id (FNV-1a, then mixed). @param {string} id */
export function hueOf(id) {
  let hash = 2166136261;
  for (let i = 0; i < id.length; i += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return HUES[(hash >>> 0) % HUES.length];
}

/** At most two letters. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = [...(words[0] ?? '?')][0] ?? '?';
  const last = words.length > 1 ? ([...(words[words.length - 1] ?? '')][0] ?? '') : '';
  return (first + last).toLocaleUpperCase();
}

/** The square with a room's first letter. @param {{ title: string, large?: boolean }} p */
export function RoomMark({ title, large }) {
  const letter = [...title.trim()][0] ?? '?';
  return html`<span class=${large ? 'room-mark large' : 'room-mark'} aria-hidden="true">
    ${letter.toLocaleUpperCase()}
  </span>`;
}

/** @param {{ label?: string }} p */
export function Spinner({ label }) {
  return html`<span class="spinner" role=${label ? 'img' : undefined} aria-label=${label} aria-hidden=${label ? undefined : 'true'}></span>`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
