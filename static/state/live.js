// The one live connection of this tab: when it is wanted, what a person is told of it, and who hears its events.
// Never knows what an event means.

import { signal } from '../vendor/ui.mjs';
import { Connection, CommandError } from '../protocol.js';

/** @typedef {import('../model.d.ts').Connection} View */
/** @typedef {import('../protocol.js').EventFrame} EventFrame */
/**
 * @typedef {object} Needs
 * @property {string} url
 * @property {import('../api.js').Api} api
 * @property {any} WebSocket
 * @property {() => number} now
 * @property {() => number} random
 * @property {(fn: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {(event: EventFrame) => void} onEvent
 * @property {(online: boolean, first: boolean) => void} onOnline `first`: of this sign-in
 * @property {(code: number) => void} onEnded
 */

/** Why it ended for good. @type {Record<number, string>} */
const WORDS = {
  4500: 'You are signed out.',
  4501: 'The server refused what this page sent. Reload the page.',
  4502: 'Signing in took too long. Reload the page.',
  4503: 'You were removed from this room.',
  4505: 'The server was updated. Reload the page.',
  4506: 'You are not allowed to connect here.',
};

export class Live {
  /** @param {Needs} needs */
  constructor(needs) {
    this.needs = needs;
    /** @type {import('../vendor/ui.mjs').Signal<View>} */
    this.view = signal(/** @type {View} */ ({ status: 'idle', retryAt: null, reason: null, code: null }));
    this.wasOnline = false;
    this.onlineBefore = false;
    const { url, api, WebSocket, now, random, setTimeout, clearTimeout } = needs;
    this.connection = new Connection({
      url, WebSocket, now, random, setTimeout, clearTimeout,
      token: (not) => api.token(not),
      sync: (ch, { epoch, after, limit }) => api.get(`/api/channels/${encodeURIComponent(ch)}/sync?epoch=${encodeURIComponent(epoch)}&after=${after}&limit=${limit}`),
      onState: (state) => this.changed(state),
    });
    this.connection.on('*', needs.onEvent);
  }

  get online() {
    return this.view.peek().status === 'online';
  }

  /** Connects unless it is connected or trying. */
  start() {
    this.connection.start();
  }

  stop() {
    this.onlineBefore = false;
    this.connection.stop();
  }

  /** The network may be back, or the machine woke. */
  reconnect() {
    this.connection.reconnect();
  }

  /** @param {string} op @param {{ch?: string, d?: unknown}} [command] @returns {Promise<any>} */
  request(op, command) {
    return this.connection.request(op, command);
  }

  /** A command a person waits for: it rejects with a Failure that is fit to show. @param {string} op @param {{ch: string, d?: unknown}} command */
  async act(op, command) {
    try {
      return await this.request(op, command);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** @param {import('../protocol.js').State} state */
  changed({ status, retryAt, code, reason }) {
    const online = status === 'online';
    this.view.value = { status, retryAt, code, reason: status === 'ended' ? WORDS[code ?? 0] ?? (reason || 'The server ended the connection.') : null };
    if (online !== this.wasOnline) {
      this.wasOnline = online;
      const first = online && !this.onlineBefore;
      if (online) this.onlineBefore = true;
      this.needs.onOnline(online, first);
    }
    if (status === 'ended') this.needs.onEnded(code ?? 0);
  }
}

/** @type {Record<string, string>} */
const COMMAND_WORDS = {
  disconnected: 'You are offline. Try again when the connection is back.',
  timeout: 'The server did not answer in time.',
  rate_limited: 'Too fast. Wait a moment and try again.',
  forbidden: 'You are not allowed to do this.',
  not_found: 'This is gone.',
};

/** @param {unknown} error @returns {import('../model.d.ts').Failure} */
function failureOf(error) {
  const code = error instanceof CommandError ? error.code : 'unavailable';
  const retryMs = error instanceof CommandError ? error.retryMs : null;
  const message = COMMAND_WORDS[code] ?? (error instanceof Error && error.message ? error.message : 'Something went wrong.');
  return Object.assign(new Error(message), { code, status: 0, retryAfter: retryMs === null ? null : retryMs / 1000, fields: {} });
}
