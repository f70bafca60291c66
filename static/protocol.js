// The client half of the WebSocket protocol (charge.v1): one Connection that keeps itself alive, and Subscriptions
// that hand over each channel's log gapless, in order, every event once. Never touches the DOM, storage or a person's
// words, imports nothing, and never throws on what the network brings. Runs in browsers and in Node 22 or newer
// (older: pass a WebSocket class). It is one file, longer than the others, because that is how it is used: a bot copies
// it or loads it from a server and needs nothing else.
//
// A Connection is in one of these states; `status` is what a person is told.
//
//   state     status                      leaves when
//   idle      idle                        start() -> fetching
//   fetching  connecting / reconnecting   token() answered -> opening; it failed -> waiting; there is none -> ended
//   opening   connecting / reconnecting   hello names a session -> ready; hello without one -> signing
//   signing   connecting / reconnecting   `auth` accepted -> ready; refused -> as close 4500
//   ready     online                      closed, silent or going away -> waiting; closed with 45xx -> ended
//   waiting   reconnecting                timer or reconnect() -> fetching
//   ended     ended                       start() -> fetching
//
// stop() leads to idle from everywhere. "connecting" is shown until the first time it was ready.
//
// A Subscription is in one of these:
//
//   detached  no session carries it       the connection became ready -> joining
//   joining   `sub` sent; events wait     filled -> live; not recovered -> paging; a new epoch -> reset, live
//   paging    reading /sync; events wait  caught up -> live; too far behind or failing -> reset, live
//   live      events flow                 a missing seq -> joining; the connection dropped -> detached
//
// "reset" means: forget what you have of this channel and load it again; events go on after `head`.

/** @typedef {'idle' | 'connecting' | 'online' | 'reconnecting' | 'ended'} Status */
/** @typedef {{status: Status, retryAt: number | null, code: number | null, reason: string}} State */
/** @typedef {{[key: string]: any}} Dict */
/** A server frame that carries an event. @typedef {{ev: string, ch?: string, seq?: number, d: Dict}} EventFrame */
/** An event of a channel's log. @typedef {{ev: string, ch: string, seq: number, d: Dict}} LogEvent */
/** @typedef {{token: string, expiresAt?: number | null}} Credential `expiresAt` in ms of `now()` */
/** @typedef {{events: unknown, head: number, epoch: string, has_more: boolean}} SyncPage */
/**
 * @typedef {object} Options
 * @property {string} url `wss://host/ws`
 * @property {(not?: string) => Promise<string | Credential | null>} token the access token; `not` is one the server
 *   refused or that is about to expire; null: there is none to be had
 * @property {(ch: string, query: {epoch: string, after: number, limit: number}) => Promise<SyncPage>} [sync] reads
 *   `/api/channels/{ch}/sync`; without it a gap too large for `sub` is a reset
 * @property {(state: State) => void} [onState]
 * @property {(error: unknown) => void} [onError] a callback of yours threw
 * @property {any} [WebSocket]
 * @property {() => number} [random]
 * @property {() => number} [now]
 * @property {(fn: () => void, ms: number) => any} [setTimeout]
 * @property {(timer: any) => void} [clearTimeout]
 */
/**
 * @typedef {object} SubscribeOptions
 * @property {string | null} [epoch] of the log that `after` belongs to
 * @property {number | null} [after] the last seq you have; without it events start at the head
 * @property {(event: LogEvent) => void} onEvent
 * @property {(at: {epoch: string, head: number, why: 'epoch' | 'gap'}) => void} [onReset]
 * @property {(at: {epoch: string, head: number}) => void} [onLive] caught up, after every (re)connection
 * @property {(code: string) => void} [onGone] the channel is not, or no longer, to be seen; the subscription is over
 */
/** @typedef {{ch: string, epoch: string, head: number, recovered?: boolean, events?: unknown}} SubAnswer */

export const SUBPROTOCOL = 'charge.v1';
/** The server reads no more than this many commands ahead. */
export const MAX_OUTSTANDING = 32;
/** Commands waiting for a place among the outstanding ones; more is a caller's runaway loop. */
const MAX_QUEUED = 512;
const MAX_SUBSCRIPTIONS = 512;
/** A `sub` item is about 130 bytes and a frame at most 32 KiB. */
const SUB_BATCH = 64;
/** Events that wait while a gap is filled; beyond it they are fetched again. */
const MAX_WAITING_EVENTS = 1000;
/** A larger gap is cheaper to load afresh than to replay. */
const MAX_SYNC_EVENTS = 1000;
const SYNC_PAGE = 100;
/** Joins without progress before a channel is declared lost and reset. */
const MAX_FILL_ATTEMPTS = 3;
const MAX_INCOMING_CHARS = 8 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 15_000;
/** Covers a refresh that waits for another tab's. */
const TOKEN_TIMEOUT_MS = 45_000;
/** From the constructor to a session. */
const OPEN_TIMEOUT_MS = 15_000;
/** A close comes this soon after an error, or never. */
const ERROR_CLOSE_MS = 500;
const BACKOFF_MS = [0, 300, 1200, 2700, 4800, 7000];
/** A session that lived this long clears the backoff. */
const STABLE_MS = 10_000;
const TOO_MANY_SESSIONS_WAIT_MS = 60_000;
/** A token is renewed this long before it expires, or at half its rest if that is later. */
const RENEW_AHEAD_MS = 60_000;
const RENEW_RETRY_MS = 10_000;
const MAX_TIMER_MS = 0x7fffffff;
/** Not 1000 or 1001: those would be a leave for voice. */
const CLOSE_RECONNECT = 3000;
/** What a subprotocol may consist of (RFC 9110 token). */
const TOKEN_CHARS = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** A command that did not succeed: the server's `err`, or `disconnected`, `timeout`, `busy`, `too_large` from here. */
export class CommandError extends Error {
  /** @param {string} code @param {string} [message] @param {number | null} [retryMs] */
  constructor(code, message, retryMs = null) {
    super(message || code);
    this.name = 'CommandError';
    this.code = code;
    this.retryMs = retryMs;
  }
}

/** What to do after a close: `wait` is a fixed delay, `fresh` asks for another token, `end` gives up. @param {number} code */
export function afterClose(code) {
  if (code === 4006) return { wait: TOO_MANY_SESSIONS_WAIT_MS, fresh: false, end: false };
  if (code === 4005 || code === 4500) return { wait: null, fresh: true, end: false };
  return { wait: null, fresh: false, end: code >= 4500 && code < 4600 };
}

/** Milliseconds before attempt `n` (from 0), spread by a quarter each way. @param {number} n @param {number} random */
export function backoff(n, random) {
  return Math.round((BACKOFF_MS[Math.min(n, BACKOFF_MS.length - 1)] ?? 0) * (0.75 + random / 2));
}

export class Connection {
  /** @param {Options} options */
  constructor(options) {
    const g = /** @type {any} */ (globalThis);
    this.options = options;
    this.WebSocket = options.WebSocket ?? g.WebSocket;
    this.random = options.random ?? Math.random;
    this.now = options.now ?? Date.now;
    this.setTimeout = options.setTimeout ?? ((fn, ms) => g.setTimeout(fn, ms));
    this.clearTimeout = options.clearTimeout ?? ((timer) => g.clearTimeout(timer));
    /** @type {State} */
    this.state = { status: 'idle', retryAt: null, code: null, reason: '' };
    /** @type {'idle' | 'fetching' | 'opening' | 'signing' | 'ready' | 'waiting' | 'ended'} */
    this.phase = 'idle';
    /** @type {Dict | null} what hello or `auth` said: `{session, user}` */
    this.session = null;
    /** @type {any} */
    this.socket = null;
    /** Counts sockets and tokens in flight, so that what belongs to an abandoned one is ignored. */
    this.generation = 0;
    this.attempt = 0;
    this.wasReady = false;
    this.readyAt = 0;
    this.lastHeard = 0;
    this.silenceMs = OPEN_TIMEOUT_MS;
    this.maxFrame = 32_768;
    this.nextId = 1;
    /** @type {{token: string, expiresAt: number | null} | null} */
    this.credential = null;
    this.refused = /** @type {string | undefined} */ (undefined);
    this.refusals = 0;
    this.goingAwayAt = /** @type {number | null} */ (null);
    /** @type {Map<number, Command>} */
    this.outstanding = new Map();
    /** @type {Command[]} */
    this.queue = [];
    /** @type {Map<string, Subscription>} */
    this.subscriptions = new Map();
    /** @type {Map<string, Set<(event: EventFrame) => void>>} */
    this.listeners = new Map();
    /** @type {{[name: string]: any}} */
    this.timers = {};
  }

  /** Connects and stays connected; does nothing while that is so. */
  start() {
    if (this.phase !== 'idle' && this.phase !== 'ended') return;
    this.attempt = 0;
    this.refusals = 0;
    this.wasReady = false;
    this.open();
  }

  /** Leaves for good (1000: a leave for voice as well). */
  stop() {
    this.abandon(1000);
    this.phase = 'idle';
    this.tell('idle');
  }

  /** Tries now instead of at `retryAt`; on a live session, checks whether it slept through its own timeout. */
  reconnect() {
    if (this.phase === 'waiting') this.open();
    else if (this.phase === 'ready' && this.now() - this.lastHeard > this.silenceMs) this.drop(0, 'silent');
  }

  /**
   * Sends a command and answers with its `ok`; rejects with a CommandError. `disconnected` and `timeout` leave open
   * whether it was done.
   * @param {string} op @param {{ch?: string, d?: unknown, timeout?: number}} [command] @returns {Promise<any>}
   */
  request(op, { ch, d, timeout = REQUEST_TIMEOUT_MS } = {}) {
    if (this.phase !== 'ready') return Promise.reject(new CommandError('disconnected', 'Not connected.'));
    return this.enqueue({ op, ch, d, timeout });
  }

  /** Sends a command that has no answer; false: not connected, it is gone. @param {string} op @param {{ch?: string, d?: unknown}} [command] */
  notify(op, { ch, d } = {}) {
    return this.phase === 'ready' && this.write({ op, ch, d });
  }

  /** Calls `fn` for events of this name that no subscription takes (`*`: of any name); answers how to end that. @param {string} ev @param {(event: EventFrame) => void} fn */
  on(ev, fn) {
    const set = this.listeners.get(ev) ?? new Set();
    this.listeners.set(ev, set.add(fn));
    return () => { set.delete(fn); };
  }

  /** Follows a channel's log, over reconnects too. @param {string} ch @param {SubscribeOptions} options */
  subscribe(ch, options) {
    if (this.subscriptions.has(ch)) throw new Error(`already subscribed to ${ch}`);
    if (this.subscriptions.size >= MAX_SUBSCRIPTIONS) throw new Error('too many subscriptions');
    const subscription = new Subscription(this, ch, options);
    this.subscriptions.set(ch, subscription);
    this.join();
    return subscription;
  }

  // ---- below: not for callers ----

  /** @param {Status} status @param {Partial<State>} [more] */
  tell(status, more = {}) {
    this.state = { status, retryAt: null, code: null, reason: '', ...more };
    this.guard(() => this.options.onState?.(this.state));
  }

  /** Runs a callback that is not ours. @param {() => void} fn */
  guard(fn) {
    try {
      fn();
    } catch (error) {
      if (this.options.onError) this.options.onError(error);
      else console.error(error);
    }
  }

  /** Sets a named timer, in place of the one of that name. @param {string} name @param {number} ms @param {() => void} fn */
  arm(name, ms, fn) {
    this.disarm(name);
    this.timers[name] = this.setTimeout(() => { delete this.timers[name]; fn(); }, Math.max(0, Math.min(ms, MAX_TIMER_MS)));
  }

  /** @param {string} name */
  disarm(name) {
    if (name in this.timers) this.clearTimeout(this.timers[name]);
    delete this.timers[name];
  }

  open() {
    this.disarm('retry');
    const generation = ++this.generation;
    this.phase = 'fetching';
    this.goingAwayAt = null;
    this.tell(this.wasReady || this.attempt > 0 ? 'reconnecting' : 'connecting');
    this.arm('token', TOKEN_TIMEOUT_MS, () => {
      this.generation++;
      this.wait(null);
    });
    this.fetchToken(this.refused).then((credential) => {
      if (generation !== this.generation) return;
      this.disarm('token');
      if (credential) this.dial(credential);
      else this.end(4500, 'signed out');
    }, () => {
      if (generation !== this.generation) return;
      this.disarm('token');
      this.wait(null);
    });
  }

  /** @param {string} [not] */
  async fetchToken(not) {
    const answer = await this.options.token(not);
    const credential = typeof answer === 'string' ? { token: answer } : answer;
    if (!credential?.token) return null;
    return { token: credential.token, expiresAt: credential.expiresAt ?? expiryOf(credential.token) };
  }

  /** @param {{token: string, expiresAt: number | null}} credential */
  dial(credential) {
    const generation = this.generation;
    this.credential = credential;
    this.phase = 'opening';
    this.lastHeard = this.now();
    this.silenceMs = OPEN_TIMEOUT_MS;
    this.watch();
    const protocols = [SUBPROTOCOL];
    if (TOKEN_CHARS.test(credential.token)) protocols.push(`bearer.${credential.token}`);
    try {
      const socket = this.socket = new this.WebSocket(this.options.url, protocols);
      socket.onmessage = (/** @type {any} */ m) => { if (generation === this.generation) this.receive(m.data); };
      socket.onclose = (/** @type {any} */ c) => { if (generation === this.generation) this.closed(Number(c?.code) || 1006, String(c?.reason ?? '')); };
      // A close follows, except in some Node versions when the connection was refused.
      socket.onerror = () => { if (generation === this.generation) this.arm('failed', ERROR_CLOSE_MS, () => this.closed(1006, 'cannot connect')); };
    } catch {
      this.closed(1006, 'cannot open');
    }
  }

  /** Drops the session when nothing was heard for `silenceMs`. */
  watch() {
    this.arm('silence', this.lastHeard + this.silenceMs - this.now(), () => {
      if (this.now() - this.lastHeard >= this.silenceMs) this.drop(0, 'silent');
      else this.watch();
    });
  }

  /** Takes one frame; whatever is not understood is left out. @param {unknown} data */
  receive(data) {
    if (this.phase === 'ready') this.lastHeard = this.now();
    if (typeof data !== 'string' || data.length > MAX_INCOMING_CHARS) return;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (!isDict(frame)) return;
    if (typeof frame.ev === 'string') this.handleEvent(/** @type {any} */ (frame));
    else if (Number.isSafeInteger(frame.id)) this.handleReply(frame);
  }

  /** @param {{ev: string, ch?: unknown, seq?: unknown, d?: unknown}} frame */
  handleEvent(frame) {
    const d = isDict(frame.d) ? frame.d : {};
    if (frame.ev === 'hello') return this.handleHello(d);
    if (frame.ev === 'ping') return void this.write({ op: 'pong' });
    if (this.phase !== 'ready') return;
    if (frame.ev === 'going_away') return this.handleGoingAway(d);
    const ch = typeof frame.ch === 'string' ? frame.ch : typeof d.ch === 'string' ? d.ch : undefined;
    const subscription = ch === undefined ? undefined : this.subscriptions.get(ch);
    if (subscription && ch !== undefined && (isSeq(frame.seq) || frame.ev === 'skipped')) subscription.receive({ ...frame, ch, d });
    else this.dispatch({ ...frame, ch, d, seq: isSeq(frame.seq) ? frame.seq : undefined });
  }

  /** @param {EventFrame} event */
  dispatch(event) {
    for (const name of [event.ev, '*']) {
      for (const fn of this.listeners.get(name) ?? []) this.guard(() => fn(event));
    }
  }

  /** @param {Dict} d */
  handleHello(d) {
    if (this.phase !== 'opening') return;
    if (d.v !== undefined && d.v !== 1) return this.drop(4505, 'the server speaks another version');
    if (Number.isFinite(d.ping_ms) && d.ping_ms > 0) this.silenceMs = d.ping_ms * 1.5 + 5000;
    if (Number.isSafeInteger(d.max_frame) && d.max_frame > 0) this.maxFrame = d.max_frame;
    if (d.session) return this.ready(d);
    this.phase = 'signing';
    const generation = this.generation;
    this.enqueue({ op: 'auth', d: { token: this.credential?.token }, timeout: OPEN_TIMEOUT_MS, urgent: true }).then(
      (ok) => { if (generation === this.generation) this.ready(isDict(ok) ? ok : {}); },
      (error) => {
        if (generation === this.generation) this.drop(error.code === 'timeout' || error.code === 'unavailable' ? 0 : 4500, error.message);
      },
    );
  }

  /** @param {Dict} session */
  ready(session) {
    this.phase = 'ready';
    this.session = session;
    this.wasReady = true;
    this.readyAt = this.lastHeard = this.now();
    this.refused = undefined;
    this.refusals = 0;
    this.watch();
    this.scheduleRenewal();
    this.tell('online');
    this.join();
  }

  /** @param {Dict} d */
  handleGoingAway(d) {
    const after = Number.isFinite(d.after_ms) ? Math.max(0, Math.min(d.after_ms, TOO_MANY_SESSIONS_WAIT_MS)) : 0;
    this.goingAwayAt = this.now() + after;
    this.arm('away', after, () => this.drop(0, 'server going away'));
  }

  scheduleRenewal() {
    const expiresAt = this.credential?.expiresAt;
    if (!expiresAt) return this.disarm('renew');
    const rest = expiresAt - this.now();
    this.arm('renew', Math.max(rest - RENEW_AHEAD_MS, rest / 2, 1000), () => void this.renew());
  }

  /** Renews the live session with another token; if that fails, close 4005 and its answer remain. */
  async renew() {
    const generation = this.generation;
    try {
      const credential = await this.fetchToken(this.credential?.token);
      if (generation !== this.generation || this.phase !== 'ready' || !credential) return;
      await this.enqueue({ op: 'auth', d: { token: credential.token }, timeout: REQUEST_TIMEOUT_MS, urgent: true });
      if (generation !== this.generation) return;
      this.credential = credential;
      this.scheduleRenewal();
    } catch {
      if (generation === this.generation && this.phase === 'ready') this.arm('renew', RENEW_RETRY_MS, () => void this.renew());
    }
  }

  /** Abandons the socket as if it had closed with `code` (0: any drop). @param {number} code @param {string} reason */
  drop(code, reason) {
    const away = this.goingAwayAt;
    this.abandon(CLOSE_RECONNECT);
    this.goingAwayAt = away;
    this.closed(code, reason);
  }

  /** Lets go of socket, timers and commands; nothing of this generation is heard again. @param {number} closeCode */
  abandon(closeCode) {
    this.generation++;
    const socket = this.socket;
    this.socket = null;
    this.session = null;
    this.goingAwayAt = null;
    for (const name of Object.keys(this.timers)) this.disarm(name);
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.onerror = () => {}; // an unheard one would end a Node process with some classes
      try {
        socket.close(closeCode);
      } catch {
        // closed already
      }
    }
    for (const subscription of this.subscriptions.values()) subscription.detach();
    const commands = [...this.outstanding.values(), ...this.queue];
    this.outstanding.clear();
    this.queue = [];
    for (const command of commands) {
      this.clearTimeout(command.timer);
      command.reject(new CommandError('disconnected', 'The connection was lost.'));
    }
  }

  /** @param {number} code @param {string} reason */
  closed(code, reason) {
    const stable = this.phase === 'ready' && this.now() - this.readyAt >= STABLE_MS;
    const rest = this.goingAwayAt === null ? null : Math.max(0, this.goingAwayAt - this.now());
    this.abandon(CLOSE_RECONNECT);
    if (stable) this.attempt = 0;
    const next = afterClose(code);
    if (next.end) return this.end(code, reason);
    if (next.fresh) {
      if (code === 4500 && ++this.refusals > 1) return this.end(code, reason);
      this.refused = this.credential?.token;
    }
    this.wait(next.wait ?? rest, code, reason);
  }

  /** @param {number | null} fixed @param {number | null} [code] @param {string} [reason] */
  wait(fixed, code = null, reason = '') {
    const ms = fixed ?? backoff(this.attempt, this.random());
    this.attempt++;
    this.phase = 'waiting';
    this.tell('reconnecting', { retryAt: this.now() + ms, code, reason });
    if (this.phase === 'waiting') this.arm('retry', ms, () => this.open());
  }

  /** @param {number} code @param {string} reason */
  end(code, reason) {
    this.abandon(CLOSE_RECONNECT);
    this.phase = 'ended';
    this.tell('ended', { code, reason });
  }

  /** @param {{op: string, ch?: string, d?: unknown, timeout: number, urgent?: boolean}} options @returns {Promise<any>} */
  enqueue({ op, ch, d, timeout, urgent = false }) {
    if (this.queue.length >= MAX_QUEUED) return Promise.reject(new CommandError('busy', 'Too many commands are waiting.'));
    return new Promise((resolve, reject) => {
      const command = { id: this.nextId++, op, ch, d, timeout, resolve, reject, timer: null };
      if (urgent) this.queue.unshift(command);
      else this.queue.push(command);
      this.pump();
    });
  }

  pump() {
    while (this.outstanding.size < MAX_OUTSTANDING) {
      const command = this.queue.shift();
      if (!command) return;
      const { id, op, ch, d } = command;
      if (!this.write({ id, op, ch, d })) {
        command.reject(new CommandError('too_large', 'This is too large to send.'));
        continue;
      }
      this.outstanding.set(id, command);
      command.timer = this.setTimeout(() => {
        this.outstanding.delete(id);
        command.reject(new CommandError('timeout', 'The server did not answer in time.'));
        this.pump();
      }, command.timeout);
    }
  }

  /** @param {Dict} frame */
  handleReply(frame) {
    const command = this.outstanding.get(frame.id);
    if (!command) return;
    this.outstanding.delete(frame.id);
    this.clearTimeout(command.timer);
    if (isDict(frame.err)) {
      const { code, message, retry_ms } = frame.err;
      command.reject(new CommandError(typeof code === 'string' ? code : 'unavailable', typeof message === 'string' ? message : '', Number.isFinite(retry_ms) ? retry_ms : null));
    } else {
      command.resolve(frame.ok);
    }
    this.pump();
  }

  /** @param {Dict} frame @returns {boolean} false: too large, or no socket */
  write(frame) {
    const text = JSON.stringify(frame);
    if (text.length * 3 > this.maxFrame && new TextEncoder().encode(text).length > this.maxFrame) return false;
    try {
      this.socket.send(text);
      return true;
    } catch {
      return this.socket !== null; // closing: onclose settles what is outstanding
    }
  }

  /** Sends `sub` for all that are detached, in batches. */
  join() {
    if (this.phase !== 'ready') return;
    const detached = [...this.subscriptions.values()].filter((s) => s.phase === 'detached');
    for (let i = 0; i < detached.length; i += SUB_BATCH) void this.joinBatch(detached.slice(i, i + SUB_BATCH));
  }

  /** @param {Subscription[]} asked */
  async joinBatch(asked) {
    const generation = this.generation;
    const batch = asked.filter((s) => s.phase !== 'closed');
    if (batch.length === 0) return;
    const items = batch.map((s) => s.joining());
    try {
      const answer = await this.enqueue({ op: 'sub', d: items, timeout: REQUEST_TIMEOUT_MS, urgent: true });
      if (generation !== this.generation) return;
      const byChannel = new Map((Array.isArray(answer) ? answer : []).filter(isDict).map((a) => [a.ch, a]));
      for (const s of batch) s.answered(byChannel.get(s.ch));
    } catch (error) {
      if (generation !== this.generation || !(error instanceof CommandError)) return;
      const lost = error.code === 'not_found' || error.code === 'forbidden' || error.code === 'validation';
      if (lost && batch.length === 1) return batch[0]?.gone(error.code);
      // One hidden channel refuses the whole array: ask one by one. Anything else is asked again a little later.
      for (const s of batch) s.detach();
      if (lost) for (const s of batch) void this.joinBatch([s]);
      else this.arm('rejoin', error.retryMs ?? 1000 + this.random() * 1000, () => this.join());
    }
  }
}

/** @typedef {{id: number, op: string, ch?: string, d?: unknown, timeout: number, resolve: (ok: any) => void, reject: (error: CommandError) => void, timer: any}} Command */

export class Subscription {
  /** @param {Connection} connection @param {string} ch @param {SubscribeOptions} options */
  constructor(connection, ch, options) {
    this.connection = connection;
    this.ch = ch;
    this.options = options;
    /** @type {'detached' | 'joining' | 'paging' | 'live' | 'closed'} */
    this.phase = 'detached';
    /** @type {string | null} */
    this.epoch = options.epoch ?? null;
    /** @type {number | null} the last seq handed over */
    this.last = options.after ?? null;
    /** @type {LogEvent[]} */
    this.waiting = [];
    this.attempts = 0;
    this.round = 0;
  }

  /** Hears no more; a later `subscribe` starts where you say. */
  close() {
    if (this.connection.subscriptions.get(this.ch) === this) this.connection.subscriptions.delete(this.ch);
    if (this.phase !== 'detached' && this.phase !== 'closed') this.connection.notify('unsub', { d: [this.ch] });
    this.phase = 'closed';
    this.waiting = [];
  }

  detach() {
    if (this.phase === 'closed') return;
    this.phase = 'detached';
    this.waiting = [];
    this.attempts = 0;
    this.round++;
  }

  /** The item of `sub` that asks for what is missing. */
  joining() {
    this.phase = 'joining';
    return { ch: this.ch, ...(this.epoch === null ? {} : { epoch: this.epoch }), ...(this.last === null ? {} : { after: this.last }) };
  }

  /** @param {string} code */
  gone(code) {
    if (this.phase === 'closed') return;
    this.close();
    this.connection.guard(() => this.options.onGone?.(code));
  }

  /** @param {Dict | undefined} answer an item of the answer to `sub`, as it came */
  answered(answer) {
    if (this.phase !== 'joining') return;
    if (!answer || isDict(answer.err)) return this.gone(String(answer?.err?.code ?? 'not_found'));
    if (typeof answer.epoch !== 'string' || !isSeq(answer.head)) return this.gone('not_found');
    const { epoch, head } = answer;
    if (this.last === null) {
      this.last = head;
      this.epoch = epoch;
    } else if (this.epoch !== null && this.epoch !== epoch) {
      return this.reset(epoch, head, 'epoch');
    } else {
      this.epoch = epoch;
      if (head < this.last) return this.reset(epoch, head, 'epoch');
      if (answer.recovered === true) this.take(answer.events);
      if (this.phase !== 'joining') return;
      if ((this.last ?? 0) < head) return void this.page(head);
    }
    this.settle();
  }

  /** Reads the log over REST until it is caught up. @param {number} head */
  async page(head) {
    const { sync } = this.connection.options;
    const round = ++this.round;
    this.phase = 'paging';
    const epoch = this.epoch ?? '';
    if (!sync || head - (this.last ?? 0) > MAX_SYNC_EVENTS || ++this.attempts > MAX_FILL_ATTEMPTS) return this.reset(epoch, head, 'gap');
    try {
      for (let pages = 0; pages < MAX_SYNC_EVENTS / SYNC_PAGE; pages++) {
        const before = this.last ?? 0;
        const answer = await sync(this.ch, { epoch, after: before, limit: SYNC_PAGE });
        if (round !== this.round || this.phase !== 'paging') return;
        if (answer.epoch !== epoch) return this.reset(String(answer.epoch), isSeq(answer.head) ? answer.head : head, 'epoch');
        this.take(answer.events);
        if (this.phase !== 'paging') return;
        if (!answer.has_more || this.last === before) break;
      }
      if ((this.last ?? 0) < head) return this.reset(epoch, head, 'gap');
      this.settle();
    } catch {
      if (round !== this.round || this.phase !== 'paging') return;
      this.connection.setTimeout(() => {
        if (round === this.round && this.phase === 'paging') void this.page(head);
      }, 1000 * this.attempts);
    }
  }

  /** Hands over the events of an answer that follow. @param {unknown} events */
  take(events) {
    if (!Array.isArray(events)) return;
    for (const e of events) {
      if (isDict(e) && typeof e.ev === 'string') this.hand({ ...e, ev: e.ev, ch: this.ch, seq: e.seq, d: isDict(e.d) ? e.d : {} });
    }
  }

  /** @param {{ev: string, ch: string, seq?: unknown, d: Dict}} event a live frame */
  receive(event) {
    if (this.phase === 'live') {
      if (!this.hand(event)) this.rejoin(/** @type {LogEvent} */ (event));
    } else if (this.phase !== 'closed') {
      // What does not fit is left out; settling then finds the gap and asks again.
      if (this.waiting.length < MAX_WAITING_EVENTS) this.waiting.push(/** @type {LogEvent} */ (event));
    }
  }

  /** Hands one event over if it is next; false: something before it is missing. @param {{ev: string, ch: string, seq?: unknown, d: Dict}} event */
  hand(event) {
    const last = this.last ?? 0;
    if (event.ev === 'skipped') {
      const { from, to } = event.d;
      if (!isSeq(from) || !isSeq(to) || to <= last) return true;
      if (from > last + 1) return false;
      this.last = to;
    } else {
      if (!isSeq(event.seq) || event.seq <= last) return true;
      if (event.seq !== last + 1) return false;
      this.last = event.seq;
    }
    this.connection.guard(() => this.options.onEvent(/** @type {LogEvent} */ ({ ...event, seq: this.last })));
    return true;
  }

  /** @param {LogEvent} event the one that showed the gap */
  rejoin(event) {
    this.waiting = [event];
    if (++this.attempts > MAX_FILL_ATTEMPTS) return this.reset(this.epoch ?? '', event.seq ?? event.d.to, 'gap');
    void this.connection.joinBatch([this]);
  }

  /** Becomes live with what had to wait. */
  settle() {
    this.phase = 'live';
    const waiting = this.waiting;
    this.waiting = [];
    for (const [i, event] of waiting.entries()) {
      if (this.phase !== 'live') return; // a callback closed it
      if (!this.hand(event)) {
        this.rejoin(event);
        if (/** @type {string} */ (this.phase) === 'joining') this.waiting = waiting.slice(i);
        return;
      }
    }
    this.attempts = 0;
    this.connection.guard(() => this.options.onLive?.({ epoch: this.epoch ?? '', head: this.last ?? 0 }));
  }

  /** @param {string} epoch @param {number} head @param {'epoch' | 'gap'} why */
  reset(epoch, head, why) {
    this.epoch = epoch;
    this.last = head;
    this.round++;
    this.phase = 'joining'; // a callback that closes it must be seen
    this.connection.guard(() => this.options.onReset?.({ epoch, head, why }));
    if (this.phase === 'joining') this.settle();
  }
}

/** @param {unknown} value @returns {value is Dict} */
function isDict(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @returns {value is number} */
function isSeq(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}

/** The `exp` of a JWT in ms; null for any other token. @param {string} token */
function expiryOf(token) {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const { exp } = JSON.parse(atob(payload));
    return Number.isFinite(exp) ? exp * 1000 : null;
  } catch {
    return null;
  }
}
