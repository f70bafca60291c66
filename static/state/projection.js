// The messages of one channel as they are now, made from history pages and log events in whatever order those come.
// Pure: no clock, no network, no signals. Never asks for anything; `floor` and `load()`'s answer say what is missing.
//
// The rule that makes the order irrelevant: every message remembers up to which seq of the log it is true (`asOf`).
// A page is true up to its `head`; an event changes a message only if it is newer than that. Recent events are kept,
// because a page may be older than events that were heard while it was on its way.

/** @typedef {import('../model.d.ts').Message} Message */
/** @typedef {{ev: string, seq: number, d: {[key: string]: any}}} LogEvent */
/** @typedef {{messages: unknown, has_more: boolean, head: number}} Page oldest first */

/** Covers what arrives while a page is on its way; the page is asked for again if it was more. */
const MAX_RECENT = 512;
/** What a tab keeps of one channel. */
const MAX_MESSAGES = 2000;
const TRIM_TO = 1500;
const MAX_REACTIONS = 100;
/** Stands for a time that cannot be read: formatting it must not throw. */
const NO_TIME = new Date(0).toISOString();

export class Projection {
  /** @param {string} me whose `me` the reactions carry */
  constructor(me) {
    this.me = me;
    /** @type {Message[]} by seq */
    this.messages = [];
    /** @type {Map<string, number>} message id -> the seq up to which it is true */
    this.asOf = new Map();
    /** Everything from this seq on is in `messages`; Infinity: nothing was loaded yet. */
    this.floor = Infinity;
    this.head = 0;
    /** @type {LogEvent[]} */
    this.recent = [];
    /** Every event heard from this seq on is in `recent`; 0: none was heard and no page taken. */
    this.recentFrom = 0;
  }

  get loaded() {
    return this.floor !== Infinity;
  }

  get hasOlder() {
    return this.loaded && this.floor > 0;
  }

  /** Forgets everything: the log was replaced, or too much of it was missed. @param {number} head where events go on after */
  clear(head) {
    this.messages = [];
    this.asOf.clear();
    this.floor = Infinity;
    this.head = head;
    this.recent = [];
    this.recentFrom = head + 1;
  }

  /** Events will be heard after this seq. @param {number} head */
  startAt(head) {
    if (this.recentFrom === 0) this.recentFrom = head + 1;
    this.head = Math.max(this.head, head);
  }

  /**
   * Takes a history page: the newest one, or the one right before `floor`.
   * @param {Page} page @returns {boolean} false: it is older than what is remembered of the events, ask again
   */
  load(page) {
    if (this.recentFrom > page.head + 1) return false;
    this.startAt(page.head);
    const messages = (Array.isArray(page.messages) ? page.messages : []).map(soundMessage).filter((m) => m !== null);
    for (const m of messages) this.put(m, page.head);
    const oldest = messages[0]?.seq;
    if (!page.has_more || oldest === undefined) this.floor = 0;
    else this.floor = Math.min(this.floor, oldest);
    for (const event of this.recent) this.change(event);
    return true;
  }

  /** Takes the next event of the log. @param {LogEvent} event */
  apply(event) {
    this.startAt(event.seq - 1);
    this.head = Math.max(this.head, event.seq);
    this.recent.push(event);
    if (this.recent.length > MAX_RECENT) this.recentFrom = (this.recent.shift()?.seq ?? 0) + 1;
    this.change(event);
    if (this.messages.length > MAX_MESSAGES) this.trim();
  }

  /** Takes a message that the server just committed, before its event comes. @param {unknown} message */
  committed(message) {
    const m = soundMessage(message);
    if (m && m.seq >= this.floor) this.put(m, m.seq);
  }

  /** @param {string} id */
  find(id) {
    return this.messages.find((m) => m.id === id) ?? null;
  }

  /** @param {LogEvent} event */
  change(event) {
    const { ev, seq, d } = event;
    if (ev === 'message.new') {
      const m = soundMessage(d);
      if (m && m.seq >= this.floor && !this.asOf.has(m.id)) this.put(m, seq);
      return;
    }
    const known = typeof d.message === 'string' ? this.asOf.get(d.message) : undefined;
    if (known === undefined || seq <= known) return;
    const i = this.messages.findIndex((m) => m.id === d.message);
    const old = this.messages[i];
    const changed = old && changedBy(old, ev, d, this.me);
    if (!changed) return;
    this.asOf.set(changed.id, seq);
    this.messages = this.messages.with(i, changed);
  }

  /** @param {Message} message @param {number} asOf */
  put(message, asOf) {
    const known = this.asOf.get(message.id);
    if (known !== undefined && known >= asOf) return;
    this.asOf.set(message.id, asOf);
    const i = this.place(message.seq);
    const replaces = this.messages[i]?.seq === message.seq;
    this.messages = this.messages.toSpliced(i, replaces ? 1 : 0, message);
  }

  /** The index of the first message with at least this seq; searched from the end, where most belong. @param {number} seq */
  place(seq) {
    let i = this.messages.length;
    while (i > 0 && (this.messages[i - 1]?.seq ?? 0) >= seq) i--;
    return i;
  }

  trim() {
    const gone = this.messages.slice(0, -TRIM_TO);
    for (const m of gone) this.asOf.delete(m.id);
    this.messages = this.messages.slice(-TRIM_TO);
    this.floor = this.messages[0]?.seq ?? this.floor;
  }
}

/** The message after an event; null: not one that changes messages. @param {Message} m @param {string} ev @param {{[key: string]: any}} d @param {string} me @returns {Message | null} */
function changedBy(m, ev, d, me) {
  switch (ev) {
    case 'message.edit':
      return typeof d.text === 'string' ? { ...m, text: d.text, edited_at: isTime(d.edited_at) ? d.edited_at : m.edited_at ?? m.created_at, mentions: strings(d.mentions) ?? m.mentions } : null;
    case 'message.delete':
      return { ...m, deleted: true, text: '', reactions: [], pinned: false };
    case 'reaction.add':
    case 'reaction.remove':
      return typeof d.emoji === 'string' ? { ...m, reactions: reacted(m.reactions, d.emoji, ev === 'reaction.add' ? 1 : -1, d.user === me) } : null;
    case 'pin.add':
      return { ...m, pinned: true };
    case 'pin.remove':
      return { ...m, pinned: false };
    default:
      return null;
  }
}

/** @param {Message['reactions']} reactions @param {string} emoji @param {1 | -1} step @param {boolean} mine */
function reacted(reactions, emoji, step, mine) {
  const old = reactions.find((r) => r.emoji === emoji);
  if (!old) return step > 0 && reactions.length < MAX_REACTIONS ? [...reactions, { emoji, count: 1, me: mine }] : reactions;
  const changed = { emoji, count: old.count + step, me: mine ? step > 0 : old.me };
  return reactions.flatMap((r) => (r !== old ? [r] : changed.count > 0 ? [changed] : []));
}

/** A message as the views may rely on it; null: it is none. @param {any} m @returns {Message | null} */
export function soundMessage(m) {
  if (typeof m?.id !== 'string' || !Number.isSafeInteger(m.seq)) return null;
  return {
    id: m.id, seq: m.seq, channel: String(m.channel ?? ''),
    author: { id: String(m.author?.id ?? ''), name: String(m.author?.name ?? '') },
    text: typeof m.text === 'string' ? m.text : '', reply_to: Number.isSafeInteger(m.reply_to) ? m.reply_to : null,
    created_at: isTime(m.created_at) ? m.created_at : NO_TIME, edited_at: isTime(m.edited_at) ? m.edited_at : null, deleted: m.deleted === true,
    reactions: (Array.isArray(m.reactions) ? m.reactions : [])
      .filter((/** @type {any} */ r) => typeof r?.emoji === 'string' && r.count > 0)
      .map((/** @type {any} */ r) => ({ emoji: r.emoji, count: r.count, me: r.me === true })),
    mentions: strings(m.mentions) ?? [], pinned: m.pinned === true,
  };
}

/** @param {unknown} value @returns {value is string} */
function isTime(value) {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

/** @param {unknown} value */
function strings(value) {
  return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : null;
}
