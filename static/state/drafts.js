// What is typed and not sent, per person and channel, kept in storage over reloads. Never sends anything.

import { signal, effect } from '../vendor/ui.mjs';

/** @typedef {import('../vendor/ui.mjs').Signal<string>} Draft */

const MAX_DRAFT_CHARS = 20_000;

export class Drafts {
  /** @param {import('../outbox.js').Store} storage @param {() => string} user whose drafts */
  constructor(storage, user) {
    this.storage = storage;
    this.user = user;
    /** @type {Map<string, {draft: Draft, end: () => void}>} */
    this.open = new Map();
  }

  /** @param {string} channel @returns {Draft} */
  of(channel) {
    const name = `charge.draft.${this.user()}.${channel}`;
    const known = this.open.get(name);
    if (known) return known.draft;
    const draft = signal(this.read(name));
    let first = true;
    const end = effect(() => {
      const { value } = draft;
      if (!first) this.write(name, value);
      first = false;
    });
    this.open.set(name, { draft, end });
    return draft;
  }

  /** Lets go of the signals; storage keeps the texts. */
  close() {
    for (const { end } of this.open.values()) end();
    this.open.clear();
  }

  /** Forgets this person's drafts on this device. */
  clear() {
    const prefix = `charge.draft.${this.user()}.`;
    this.close();
    try {
      const names = Array.from({ length: this.storage.length }, (_, i) => this.storage.key(i));
      for (const name of names) if (name?.startsWith(prefix)) this.storage.removeItem(name);
    } catch {
      // storage is off: there is nothing in it
    }
  }

  /** @param {string} name */
  read(name) {
    try {
      return this.storage.getItem(name) ?? '';
    } catch {
      return '';
    }
  }

  /** @param {string} name @param {string} text */
  write(name, text) {
    try {
      if (text === '') this.storage.removeItem(name);
      else this.storage.setItem(name, text.slice(0, MAX_DRAFT_CHARS));
    } catch {
      // full or off: the draft lives as long as the page
    }
  }
}
