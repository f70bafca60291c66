// The timelines of channels: which channels are followed, what is loaded of each, and what a person sees of it, with
// what is still on its way out. Never talks to the network itself (it is given `history` and `subscribe`) and never
// counts what is unread.

import { signal } from '../vendor/ui.mjs';
import { Projection } from './projection.js';

/** @typedef {import('../model.d.ts').Timeline} Timeline */
/** @typedef {import('../model.d.ts').Pending} Pending */
/** @typedef {import('../model.d.ts').Message} Message */
/** @typedef {import('../protocol.js').LogEvent} LogEvent */
/** @typedef {import('../protocol.js').Subscription} Subscription */
/** @typedef {import('../protocol.js').SubscribeOptions} SubscribeOptions */
/** @typedef {{messages: unknown, has_more: boolean, head: number, epoch: string}} HistoryPage */
/**
 * @typedef {object} Needs
 * @property {() => string} me
 * @property {(ch: string, query: {limit: number, before?: number}) => Promise<HistoryPage>} history
 * @property {(ch: string, options: SubscribeOptions) => Subscription} subscribe
 * @property {(ch: string) => Pending[]} pending
 * @property {(ch: string, event: LogEvent) => void} onEvent
 * @property {(ch: string, head: number) => void} onLive caught up with the log, which is at `head`
 * @property {() => void} onReset events were missed: what is counted elsewhere is out of date
 * @property {(ch: string) => void} onGone
 */
/**
 * @typedef {object} Entry
 * @property {string} channel
 * @property {Projection} shown
 * @property {Projection | null} coming fills while `shown` stays on the screen, then takes its place
 * @property {Subscription | null} subscription
 * @property {string | null} epoch
 * @property {number | null} last
 * @property {Timeline['phase']} phase
 * @property {string | null} error
 * @property {boolean} loadingOlder
 * @property {Promise<void> | null} load
 * @property {number} unreadAtOpen
 * @property {Message | null} newSince
 * @property {Set<string>} echoed keys of pending messages whose event came before their `ok`
 * @property {import('../vendor/ui.mjs').Signal<Timeline>} view
 * @property {number} usedAt
 */

const PAGE = 50;
/** A page older than the events that were heard is asked for again, this often. */
const MAX_STALE_PAGES = 4;
/** Channels kept in memory that nobody looks at. */
const MAX_KEPT = 24;

export class Timelines {
  /** @param {Needs} needs */
  constructor(needs) {
    this.needs = needs;
    /** @type {Map<string, Entry>} */
    this.entries = new Map();
    this.uses = 0;
  }

  /** Follows exactly these channels' logs. @param {string[]} channels */
  follow(channels) {
    const wanted = new Set(channels);
    for (const entry of this.entries.values()) if (!wanted.has(entry.channel)) this.unfollow(entry);
    for (const channel of wanted) {
      const entry = this.entry(channel);
      if (!entry.subscription) this.subscribe(entry);
    }
    this.forgetSome();
  }

  /** A person looks at this channel: loads it if need be and draws the line above what is unread. @param {string} channel @param {number} unread */
  open(channel, unread) {
    const entry = this.entry(channel);
    entry.usedAt = ++this.uses;
    entry.unreadAtOpen = unread;
    if (entry.phase === 'ready') this.markNew(entry);
    else if (entry.phase !== 'gap') void this.load(entry);
    this.publish(entry);
  }

  /** @param {string} channel */
  view(channel) {
    return this.entry(channel).view;
  }

  /** Resolves when the newest page is there, or failed. @param {string} channel */
  async loaded(channel) {
    await this.entries.get(channel)?.load;
  }

  /** Loads again what failed. @param {string} channel */
  reload(channel) {
    const entry = this.entry(channel);
    if (entry.phase === 'error' || entry.phase === 'idle') void this.load(entry);
  }

  /** Loads again whatever failed while there was no connection. */
  reloadFailed() {
    for (const entry of this.entries.values()) if (entry.phase === 'error') void this.load(entry);
  }

  /** @param {string} channel */
  async loadOlder(channel) {
    const entry = this.entry(channel);
    const { shown } = entry;
    if (entry.loadingOlder || !shown.hasOlder) return;
    entry.loadingOlder = true;
    this.publish(entry);
    try {
      await this.take(entry, shown, () => ({ limit: PAGE, before: shown.floor }));
    } finally {
      entry.loadingOlder = false;
      this.publish(entry);
    }
  }

  /** The outbox changed. @param {string} channel */
  pendingChanged(channel) {
    const entry = this.entries.get(channel);
    if (entry) this.publish(entry);
  }

  /** The server took a message of ours. @param {string} channel @param {any} ok */
  sent(channel, ok) {
    const entry = this.entries.get(channel);
    // A duplicate may have been edited since; its place in the log comes with the log.
    if (!entry || ok?.duplicate !== false) return;
    entry.shown.committed(ok.message);
    entry.coming?.committed(ok.message);
    this.publish(entry);
  }

  /** The newest `count` messages' worth of unread ones is what others wrote after `seq`. @param {string} channel @param {number} seq */
  messagesAfter(channel, seq) {
    const me = this.needs.me();
    return this.entries.get(channel)?.shown.messages.filter((m) => m.seq > seq && m.author.id !== me && !m.deleted) ?? [];
  }

  /** @param {string} channel @param {string} user */
  authorName(channel, user) {
    return this.entries.get(channel)?.shown.messages.findLast((m) => m.author.id === user)?.author.name ?? null;
  }

  /** Forgets everything: someone else may sit here next. */
  clear() {
    for (const entry of this.entries.values()) entry.subscription?.close();
    this.entries.clear();
  }

  // ---- below: not for callers ----

  /** @param {string} channel @returns {Entry} */
  entry(channel) {
    const known = this.entries.get(channel);
    if (known) return known;
    /** @type {Timeline} */
    const empty = { channel, messages: [], pending: this.needs.pending(channel), head: 0, phase: 'idle', error: null, hasOlder: false, loadingOlder: false, newSince: null, newSinceAt: null };
    /** @type {Entry} */
    const entry = {
      channel, shown: new Projection(this.needs.me()), coming: null, subscription: null, epoch: null, last: null, phase: 'idle', error: null,
      loadingOlder: false, load: null, unreadAtOpen: 0, newSince: null, echoed: new Set(), view: signal(empty), usedAt: 0,
    };
    this.entries.set(channel, entry);
    return entry;
  }

  /** @param {Entry} entry */
  subscribe(entry) {
    const { channel } = entry;
    entry.subscription = this.needs.subscribe(channel, {
      epoch: entry.epoch,
      after: entry.last,
      onEvent: (event) => this.heard(entry, event),
      onLive: ({ head, epoch }) => {
        entry.epoch = epoch;
        (entry.coming ?? entry.shown).startAt(head);
        this.needs.onLive(channel, head);
      },
      onReset: ({ head, epoch }) => this.reset(entry, head, epoch),
      onGone: () => {
        entry.subscription = null;
        this.needs.onGone(channel);
      },
    });
  }

  /** @param {Entry} entry */
  unfollow(entry) {
    if (!entry.subscription) return;
    // What is loaded is worth keeping only with the place in the log where it is true.
    entry.epoch = entry.subscription.epoch;
    entry.last = entry.subscription.last;
    entry.subscription.close();
    entry.subscription = null;
    if (entry.last === null || !entry.shown.loaded || entry.coming) this.entries.delete(entry.channel);
  }

  forgetSome() {
    const idle = [...this.entries.values()].filter((e) => !e.subscription).sort((a, b) => a.usedAt - b.usedAt);
    for (const entry of idle.slice(0, Math.max(0, idle.length - MAX_KEPT))) this.entries.delete(entry.channel);
  }

  /** @param {Entry} entry @param {LogEvent} event */
  heard(entry, event) {
    if (event.ev !== 'skipped') (entry.coming ?? entry.shown).apply(event);
    if (event.ev === 'message.new' && event.d.author?.id === this.needs.me()) {
      const echo = this.needs.pending(entry.channel).find((p) => p.state === 'sending' && p.text === event.d.text && !entry.echoed.has(p.key));
      if (echo) entry.echoed.add(echo.key);
    }
    this.needs.onEvent(entry.channel, event);
    this.publish(entry);
  }

  /** @param {Entry} entry @param {number} head @param {string} epoch */
  reset(entry, head, epoch) {
    const wasLoaded = entry.shown.loaded || entry.phase !== 'idle';
    entry.epoch = epoch;
    entry.coming = new Projection(this.needs.me());
    entry.coming.clear(head);
    if (!wasLoaded) {
      entry.shown = entry.coming;
      entry.coming = null;
    } else {
      entry.load = null;
      void this.load(entry);
    }
    this.needs.onReset();
  }

  /** @param {Entry} entry */
  load(entry) {
    if (entry.load) return entry.load;
    const load = this.loadNewest(entry).finally(() => {
      if (entry.load === load) entry.load = null;
    });
    entry.load = load;
    return load;
  }

  /** @param {Entry} entry */
  async loadNewest(entry) {
    const target = entry.coming ?? entry.shown;
    entry.phase = entry.shown.loaded ? 'gap' : 'loading';
    entry.error = null;
    this.publish(entry);
    try {
      const page = await this.take(entry, target, () => ({ limit: PAGE }));
      if (!page || target !== (entry.coming ?? entry.shown)) return; // a later load is under way
      entry.shown = target;
      entry.coming = null;
      entry.phase = 'ready';
      // Nothing was heard of the log yet: hear it from this page on, so that nothing falls between.
      if (entry.subscription && entry.subscription.last === null) {
        entry.subscription.close();
        entry.epoch = page.epoch;
        entry.last = page.head;
        this.subscribe(entry);
      }
      this.markNew(entry);
    } catch (error) {
      if (target !== (entry.coming ?? entry.shown)) return;
      entry.phase = 'error';
      entry.error = error instanceof Error ? error.message : null;
    }
    this.publish(entry);
  }

  /** Reads a page into a projection; null: that one was given up meanwhile. @param {Entry} entry @param {Projection} target @param {() => {limit: number, before?: number}} query */
  async take(entry, target, query) {
    for (let tries = 0; tries < MAX_STALE_PAGES; tries++) {
      const page = await this.needs.history(entry.channel, query());
      if (target !== entry.shown && target !== entry.coming) return null;
      if (Number.isSafeInteger(page?.head) && target.load(page)) return page;
    }
    throw new Error('The history could not be read.');
  }

  /** @param {Entry} entry */
  markNew(entry) {
    const others = entry.unreadAtOpen > 0 ? this.messagesAfter(entry.channel, -1) : [];
    entry.newSince = others.at(-entry.unreadAtOpen) ?? others[0] ?? null;
    entry.unreadAtOpen = 0;
  }

  /** @param {Entry} entry */
  publish(entry) {
    const { shown, channel } = entry;
    const pending = this.needs.pending(channel);
    for (const key of entry.echoed) if (!pending.some((p) => p.key === key)) entry.echoed.delete(key);
    entry.view.value = {
      channel, messages: shown.messages, head: shown.head, phase: entry.phase, error: entry.error,
      pending: pending.filter((p) => p.state === 'failed' || !entry.echoed.has(p.key)),
      hasOlder: shown.hasOlder, loadingOlder: entry.loadingOlder,
      newSince: entry.newSince?.seq ?? null, newSinceAt: entry.newSince?.created_at ?? null,
    };
  }
}
