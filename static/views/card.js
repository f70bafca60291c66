// @ts-check
// Owns the page that is one card in the middle, with the host named below.
// Never holds a form of its own.
import { html } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { href, onLink } from './links.js';
import { Icon } from './parts.js';
import { hostOf } from './states.js';

/** @param {{ children?: any }} p */
export function CardPage({ children }) {
  return html`<main class="card-page">
    <div class="card">${children}</div>
    <p class="card-foot"><${Icon} name="lock" size=${14} />Hosted on ${hostOf(model.app.value.origin)}. No tracking.</p>
  </main>`;
}

/** The product's own mark, for pages without a room. */
export function AppMark() {
  return html`<span class="room-mark large" aria-hidden="true"><${Icon} name="audio-lines" size=${28} /></span>`;
}

/** @param {{ to: import('../model.d.ts').Route, children?: any }} p */
export function PageLink({ to, children }) {
  return html`<a class="text-link" href=${href(to)} onClick=${onLink(to)}>${children}</a>`;
}
