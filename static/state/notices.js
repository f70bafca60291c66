// The few sentences that pop up and go. Never decides what is worth one.

import { signal } from '../vendor/ui.mjs';

/** @typedef {{id: number, kind: 'info' | 'error', text: string}} Notice */

/** More at once would cover the screen. */
const MAX_SHOWN = 4;
/** Errors stay until dismissed; the rest goes by itself. */
const INFO_LASTS_MS = 6000;

export class Notices {
  /** @param {(fn: () => void, ms: number) => any} setTimeout */
  constructor(setTimeout) {
    this.setTimeout = setTimeout;
    /** @type {import('../vendor/ui.mjs').Signal<Notice[]>} */
    this.shown = signal([]);
    this.nextId = 1;
  }

  /** @param {string} text @param {'info' | 'error'} [kind] */
  add(text, kind = 'info') {
    const id = this.nextId++;
    const others = this.shown.peek().filter((n) => n.text !== text);
    this.shown.value = [...others, { id, kind, text }].slice(-MAX_SHOWN);
    if (kind === 'info') this.setTimeout(() => this.dismiss(id), INFO_LASTS_MS);
  }

  /** @param {number} id */
  dismiss(id) {
    this.shown.value = this.shown.peek().filter((n) => n.id !== id);
  }
}
