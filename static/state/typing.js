// Who is typing where, and when to tell others that I am. A notice lasts six seconds or until that person's message.
// Never tells oneself about oneself.

import { signal } from '../vendor/ui.mjs';

/** A notice lives this long without another. */
const LASTS_MS = 6000;
/** Others hear of my typing at most this often. */
const EVERY_MS = 3000;
/** More than this in one channel is a crowd; the rest is not kept. */
const MAX_TYPING = 50;

export class Typing {
  /** @param {{now: () => number, setTimeout: (fn: () => void, ms: number) => any, clearTimeout: (timer: any) => void, notify: (channel: string) => boolean}} needs */
  constructor(needs) {
    this.needs = needs;
    /** @type {import('../vendor/ui.mjs').Signal<Map<string, Set<string>>>} channel -> user ids, the longest typing first */
    this.users = signal(new Map());
    /** @type {Map<string, any>} */
    this.timers = new Map();
    this.toldAt = -Infinity;
    this.toldIn = '';
  }

  /** @param {string} channel @param {string} user */
  started(channel, user) {
    const typing = this.users.peek().get(channel);
    if (!typing?.has(user)) {
      if ((typing?.size ?? 0) >= MAX_TYPING) return;
      this.set(channel, new Set(typing).add(user));
    }
    const name = `${channel} ${user}`;
    this.needs.clearTimeout(this.timers.get(name));
    this.timers.set(name, this.needs.setTimeout(() => this.stopped(channel, user), LASTS_MS));
  }

  /** @param {string} channel @param {string} user */
  stopped(channel, user) {
    const name = `${channel} ${user}`;
    this.needs.clearTimeout(this.timers.get(name));
    this.timers.delete(name);
    const typing = new Set(this.users.peek().get(channel));
    if (typing.delete(user)) this.set(channel, typing);
  }

  /** I typed in a channel. @param {string} channel */
  mine(channel) {
    const now = this.needs.now();
    if (channel === this.toldIn && now - this.toldAt < EVERY_MS) return;
    if (!this.needs.notify(channel)) return;
    this.toldAt = now;
    this.toldIn = channel;
  }

  /** My message went out: the next letter is news again. */
  sent() {
    this.toldAt = -Infinity;
  }

  clear() {
    for (const timer of this.timers.values()) this.needs.clearTimeout(timer);
    this.timers.clear();
    this.users.value = new Map();
  }

  /** @param {string} channel @param {Set<string>} typing */
  set(channel, typing) {
    const users = new Map(this.users.peek());
    if (typing.size > 0) users.set(channel, typing);
    else users.delete(channel);
    this.users.value = users;
  }
}
