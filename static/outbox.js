// Messages typed here and not yet acknowledged: kept in storage per person until the server said `ok` or the person
// discards them, sent in order, one at a time per channel, by one tab, and always again with the same idempotency
// key. Never shows anything and never knows the timeline: it reports each change and each success.
//
//   queued -> sending -> gone (ok)
//      ^         |-> queued   connection lost, no answer in time, unavailable, rate limited: the same key again
//      |         '-> failed   validation, forbidden, not_found, conflict, ...: kept for retry() or discard()
//      '-------- retry() --------'

/** @typedef {import('./model.d.ts').Pending} Pending */
/** @typedef {{key: string, channel: string, text: string, reply_to: number | null, at: string, order: number, error: string | null, code: string | null}} Entry */
/** What of localStorage is used. @typedef {{readonly length: number, key: (i: number) => string | null, getItem: (k: string) => string | null, setItem: (k: string, v: string) => void, removeItem: (k: string) => void}} Store */
/**
 * @typedef {object} Options
 * @property {string} user
 * @property {Store} storage
 * @property {(entry: {key: string, channel: string, text: string, reply_to: number | null}) => Promise<any>} send answers
 *   the server's `ok`; rejects with `{code, message, retryMs}`
 * @property {(channel: string) => void} onChange
 * @property {(entry: Entry, ok: any) => void} onSent
 * @property {import('./api.js').Locks | null} [locks]
 * @property {() => string} [uuid]
 * @property {() => number} [now]
 * @property {() => number} [random]
 * @property {(fn: () => void, ms: number) => any} [setTimeout]
 */

export const MAX_ENTRIES = 200;
/** Errors that another attempt with the same key may cure. */
const PASSING = new Set(['timeout', 'unavailable', 'busy', 'rate_limited']);
/** Errors that mean: wait until someone says that the connection is back. */
const OFFLINE = new Set(['disconnected']);
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000];
const MAX_WAIT_MS = 60_000;

/** @type {Record<string, string>} */
const WORDS = {
  validation: 'The server does not take this message.',
  forbidden: 'You may not write here.',
  not_found: 'This channel is gone.',
  conflict: 'Another message was already sent in its place. Retry sends it as a new one.',
  too_large: 'This message is too large.',
};

export class Outbox {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.prefix = `charge.outbox.${options.user}.`;
    this.now = options.now ?? Date.now;
    this.random = options.random ?? Math.random;
    this.locks = options.locks ?? null;
    this.uuid = options.uuid ?? uuid;
    this.setTimeout = options.setTimeout ?? ((fn, ms) => globalThis.setTimeout(fn, ms));
    /** @type {Map<string, Entry>} */
    this.entries = new Map();
    /** Keys that storage would not take: they live in memory only. @type {Set<string>} */
    this.unsaved = new Set();
    /** @type {Set<string>} keys on their way */
    this.sending = new Set();
    /** @type {Set<string>} channels with a loop */
    this.draining = new Set();
    this.online = false;
    this.closed = false;
    this.load();
  }

  /** What is pending in a channel, oldest first. @param {string} channel @returns {Pending[]} */
  list(channel) {
    return this.ordered(channel).map((e) => ({
      key: e.key, channel, text: e.text, reply_to: e.reply_to, at: e.at, error: e.error,
      state: e.error !== null ? 'failed' : this.sending.has(e.key) ? 'sending' : 'queued',
    }));
  }

  /** Takes a message; null: there are too many already. @param {{channel: string, text: string, reply_to: number | null}} message */
  add({ channel, text, reply_to }) {
    if (this.entries.size >= MAX_ENTRIES && !this.evict()) return null;
    const last = Math.max(0, ...[...this.entries.values()].map((e) => e.order));
    const now = this.now();
    /** @type {Entry} */
    const entry = { key: this.uuid(), channel, text, reply_to, at: new Date(now).toISOString(), order: Math.max(now, last + 1), error: null, code: null };
    this.save(entry);
    this.changed(channel);
    return entry.key;
  }

  /** Sends a failed one again. @param {string} key */
  retry(key) {
    const entry = this.entries.get(key);
    if (!entry || entry.error === null) return;
    // Another body is committed under a key in conflict; only a new key can send this one.
    if (entry.code === 'conflict') this.forget(key);
    this.save({ ...entry, key: entry.code === 'conflict' ? this.uuid() : key, error: null, code: null });
    this.changed(entry.channel);
  }

  /** Drops one that is not on its way. @param {string} key */
  discard(key) {
    const entry = this.entries.get(key);
    if (!entry || this.sending.has(key)) return;
    this.forget(key);
    this.changed(entry.channel);
  }

  /** Drops what waits for a channel that is no more; answers how many. @param {string} channel */
  discardAll(channel) {
    const gone = this.ordered(channel);
    for (const { key } of gone) this.forget(key);
    if (gone.length > 0) this.options.onChange(channel);
    return gone.length;
  }

  /** Forgets everything, on purpose: the person signs out. */
  clear() {
    for (const key of [...this.entries.keys()]) this.forget(key);
    this.close();
  }

  /** Ends all sending; storage keeps what is left. */
  close() {
    this.closed = true;
    this.online = false;
  }

  /** The connection came or went. @param {boolean} online */
  connected(online) {
    this.online = online && !this.closed;
    if (this.online) for (const channel of new Set([...this.entries.values()].map((e) => e.channel))) this.drain(channel);
  }

  /** Another tab wrote to storage. @param {string | null} storageKey null: storage was cleared */
  stored(storageKey) {
    if (this.closed || (storageKey !== null && !storageKey.startsWith(this.prefix))) return;
    const before = new Map(this.entries);
    this.load();
    const channels = new Set();
    for (const e of before.values()) if (!this.entries.has(e.key)) channels.add(e.channel);
    for (const e of this.entries.values()) if (JSON.stringify(before.get(e.key)) !== JSON.stringify(e)) channels.add(e.channel);
    for (const channel of channels) this.changed(channel);
  }

  // ---- below: not for callers ----

  /** @param {string} channel */
  changed(channel) {
    this.options.onChange(channel);
    this.drain(channel);
  }

  /** @param {string} channel */
  ordered(channel) {
    return [...this.entries.values()].filter((e) => e.channel === channel).sort((a, b) => a.order - b.order || (a.key < b.key ? -1 : 1));
  }

  /** Makes room by dropping the oldest failed one. */
  evict() {
    const failed = [...this.entries.values()].filter((e) => e.error !== null).sort((a, b) => a.order - b.order)[0];
    if (!failed) return false;
    this.forget(failed.key);
    this.options.onChange(failed.channel);
    return true;
  }

  /** @param {string} channel */
  drain(channel) {
    if (!this.online || this.draining.has(channel) || !this.next(channel)) return;
    this.draining.add(channel);
    const name = `${this.prefix}${channel}`;
    const work = this.locks ? this.locks.request(name, {}, () => this.sendAll(channel)) : this.sendAll(channel);
    // Where locks are refused, two tabs may send the same entry; its key makes that harmless.
    work.catch(() => { this.locks = null; }).then(() => {
      this.draining.delete(channel);
      // Something may have been typed between the last look and here.
      if (this.next(channel)) this.drain(channel);
    });
  }

  /** @param {string} channel */
  next(channel) {
    return this.ordered(channel).find((e) => e.error === null);
  }

  /** Sends what is queued in a channel until nothing is, or the connection goes. @param {string} channel */
  async sendAll(channel) {
    this.load(); // another tab may have sent some while this one waited for the lock
    let tries = 0;
    for (let entry = this.next(channel); entry && this.online; entry = this.next(channel)) {
      const wait = await this.sendOne(entry, tries);
      tries = wait === 0 ? 0 : tries + 1;
      if (wait > 0) await new Promise((done) => { this.setTimeout(() => done(null), wait); });
    }
  }

  /** @param {Entry} entry @param {number} tries @returns {Promise<number>} ms to wait before the next attempt; 0: this one is settled */
  async sendOne(entry, tries) {
    const { key, channel, text, reply_to } = entry;
    this.sending.add(key);
    this.options.onChange(channel);
    try {
      const ok = await this.options.send({ key, channel, text, reply_to });
      this.sending.delete(key);
      this.forget(key);
      this.options.onSent(entry, ok);
      return 0;
    } catch (error) {
      const { code = 'unavailable', message = '', retryMs = null } = /** @type {any} */ (error ?? {});
      this.sending.delete(key);
      if (OFFLINE.has(code)) this.online = false;
      else if (PASSING.has(code)) return this.pause(retryMs, tries);
      else if (this.entries.has(key)) this.save({ ...entry, error: WORDS[code] ?? (message || 'It could not be sent.'), code });
      return 0;
    } finally {
      this.options.onChange(channel);
    }
  }

  /** @param {number | null} retryMs @param {number} tries */
  pause(retryMs, tries) {
    const ms = retryMs ?? RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] ?? 1000;
    return Math.min(MAX_WAIT_MS, Math.max(50, ms)) + Math.round(this.random() * 100);
  }

  /** Reads storage; what only memory holds stays. */
  load() {
    const { storage } = this.options;
    /** @type {Map<string, Entry>} */
    const entries = new Map();
    for (const key of this.unsaved) {
      const entry = this.entries.get(key);
      if (entry) entries.set(key, entry);
    }
    try {
      for (let i = 0; i < storage.length && entries.size < MAX_ENTRIES; i++) {
        const name = storage.key(i);
        const entry = name?.startsWith(this.prefix) ? parseEntry(storage.getItem(name)) : null;
        if (entry) entries.set(entry.key, entry);
      }
      this.entries = entries;
    } catch {
      // storage is off: memory has to do
    }
  }

  /** @param {Entry} entry */
  save(entry) {
    this.entries.set(entry.key, entry);
    try {
      this.options.storage.setItem(this.prefix + entry.key, JSON.stringify(entry));
      this.unsaved.delete(entry.key);
    } catch {
      this.unsaved.add(entry.key);
    }
  }

  /** @param {string} key */
  forget(key) {
    this.entries.delete(key);
    this.unsaved.delete(key);
    try {
      this.options.storage.removeItem(this.prefix + key);
    } catch {
      // storage is off
    }
  }
}

/** @param {string | null} text @returns {Entry | null} */
function parseEntry(text) {
  try {
    const e = JSON.parse(text ?? '');
    const sound = typeof e.key === 'string' && typeof e.channel === 'string' && typeof e.text === 'string' && Number.isFinite(e.order);
    if (!sound) return null;
    return {
      key: e.key, channel: e.channel, text: e.text, order: e.order, at: typeof e.at === 'string' ? e.at : new Date(0).toISOString(),
      reply_to: Number.isSafeInteger(e.reply_to) ? e.reply_to : null, error: typeof e.error === 'string' ? e.error : null, code: typeof e.code === 'string' ? e.code : null,
    };
  } catch {
    return null;
  }
}

/** A random UUID (RFC 9562 version 4), also where the page is not secure and `randomUUID` is withheld. */
export function uuid() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
