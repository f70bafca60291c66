// The REST client: one request at a time becomes JSON or a Failure, and this file alone holds the access token, in
// memory. The refresh token lives in a cookie that no script can read. Tabs share one refresh. Never writes a token
// to storage, never shows anything, never decides what a failure means for the screen.

/** @typedef {import('./model.d.ts').Failure} Failure */
/** @typedef {{token: string, expiresAt: number, user: string | null}} Access `expiresAt` in ms of this machine's clock */
/** @typedef {{[key: string]: any}} Dict */
/** @typedef {{request: (name: string, options: any, fn: (lock: any) => Promise<any>) => Promise<any>}} Locks */
/** @typedef {{postMessage: (m: unknown) => void, onmessage: ((m: any) => void) | null}} Channel */
/**
 * @typedef {object} Options
 * @property {string} [base] in front of every path; default: this origin
 * @property {typeof fetch} [fetch]
 * @property {Locks | null} [locks] `navigator.locks`; absent where the page is not secure
 * @property {Channel | null} [channel] a BroadcastChannel that this origin's tabs share
 * @property {() => number} [now]
 * @property {(fn: () => void, ms: number) => any} [setTimeout]
 */

const REQUEST_TIMEOUT_MS = 20_000;
/** A token with less than this left is not worth starting with. */
const MIN_LIFE_MS = 20_000;
/** How long another tab's fresh token may lag behind the lock it released. */
const HANDOVER_MS = 150;
const REFRESH_LOCK = 'charge.refresh';

/** @type {Record<number, string>} */
const WORDS = {
  0: 'The server cannot be reached.',
  401: 'You are signed out.',
  403: 'You are not allowed to do this.',
  404: 'This does not exist, or you are not a member.',
  413: 'This is too large.',
  429: 'Too many attempts. Wait a moment and try again.',
  503: 'The server is busy. Try again in a moment.',
};

/** @implements {Failure} */
export class RequestFailure extends Error {
  /** @param {{code: string, status?: number, message?: string, retryAfter?: number | null, fields?: Record<string, string>}} f */
  constructor({ code, status = 0, message, retryAfter = null, fields = {} }) {
    super(message || WORDS[status] || 'Something went wrong on the server.');
    this.name = 'RequestFailure';
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.fields = fields;
  }
}

export class Api {
  /** @param {Options} [options] */
  constructor(options = {}) {
    const g = /** @type {any} */ (globalThis);
    this.base = options.base ?? '';
    /** @type {typeof fetch} */
    this.fetch = options.fetch ?? ((...args) => g.fetch(...args));
    this.locks = options.locks ?? null;
    this.channel = options.channel ?? null;
    this.now = options.now ?? Date.now;
    this.setTimeout = options.setTimeout ?? ((fn, ms) => g.setTimeout(fn, ms));
    /** @type {Access | null} */
    this.access = null;
    /** @type {Promise<Access> | null} */
    this.refreshing = null;
    /** Called when the session ended (`lost`), ended in another tab (`left`), or is now someone else's (`changed`). @type {(why: 'lost' | 'left' | 'changed') => void} */
    this.onSession = () => {};
    if (this.channel) this.channel.onmessage = (m) => this.heard(m?.data);
  }

  // ---- sessions ----

  /** @param {{username: string, password: string}} f @returns {Promise<Dict>} */
  signIn(f) {
    return this.begin('/api/auth/login', f);
  }

  /** @param {{username: string, password: string, display_name?: string, invite?: string, setup?: string}} f @returns {Promise<Dict>} */
  register(f) {
    return this.begin('/api/auth/register', f);
  }

  /** @param {{invite: string, display_name: string}} f @returns {Promise<Dict>} */
  guest(f) {
    return this.begin('/api/auth/guest', f);
  }

  /** Ends the session here, in the other tabs and on the server; false: the server did not hear of it. */
  async signOut() {
    const access = this.access;
    this.access = null;
    this.tellTabs({ kind: 'left' });
    try {
      await this.send('POST', '/api/auth/logout', { cookie: true }, access?.token ?? null);
      return true;
    } catch (error) {
      const { status } = /** @type {RequestFailure} */ (error);
      return isRefusal(status); // there was no session to end
    }
  }

  /**
   * A token that works for a while; null: signed out. Rejects when the server cannot be reached.
   * @param {string} [not] a token that will not do: refused, or about to expire @returns {Promise<Access | null>}
   */
  async token(not) {
    const { access } = this;
    if (access && access.token !== not && access.expiresAt - this.now() > MIN_LIFE_MS) return access;
    try {
      return await this.refresh(not);
    } catch (error) {
      if (error instanceof RequestFailure && error.code === 'unauthenticated') return null;
      throw error;
    }
  }

  /** Trades the cookie for a new access token, once for all who ask meanwhile. @param {string} [not] @returns {Promise<Access>} */
  refresh(not) {
    this.refreshing ??= this.refreshLocked(not).finally(() => { this.refreshing = null; });
    return this.refreshing;
  }

  /** @param {string} [not] @returns {Promise<Access>} */
  async refreshLocked(not) {
    if (!this.locks) return this.refreshNow();
    const before = this.access?.token;
    /** @type {Access | null} */
    const got = await this.locks.request(REFRESH_LOCK, { ifAvailable: true }, async (lock) => (lock ? this.refreshNow() : null));
    if (got) return got;
    return this.locks.request(REFRESH_LOCK, {}, async () => {
      // Another tab refreshed while this one waited: its token is on the way.
      if (this.access?.token === before) await new Promise((done) => { this.setTimeout(() => done(null), HANDOVER_MS); });
      const { access } = this;
      return access && access.token !== before && access.token !== not ? access : this.refreshNow();
    });
  }

  /** @returns {Promise<Access>} */
  async refreshNow() {
    try {
      const answer = await this.send('POST', '/api/auth/refresh', { cookie: true }, null);
      return this.adopt(answer);
    } catch (error) {
      if (error instanceof RequestFailure && isRefusal(error.status)) {
        const had = this.access !== null;
        this.access = null;
        if (had) this.onSession('lost');
        throw new RequestFailure({ code: 'unauthenticated', status: 401 });
      }
      throw error;
    }
  }

  /** @param {string} path @param {Dict} body */
  async begin(path, body) {
    const answer = await this.send('POST', path, { ...body, cookie: true }, null);
    this.access = null;
    this.adopt(answer);
    return answer;
  }

  /** Takes a server's answer as the session. @param {Dict} answer @returns {Access} */
  adopt(answer) {
    if (typeof answer?.access_token !== 'string') throw new RequestFailure({ code: 'bad_answer' });
    const life = Number.isFinite(answer.expires_in) ? answer.expires_in : 60;
    const user = answer.user?.id ?? subjectOf(answer.access_token);
    const access = { token: answer.access_token, expiresAt: this.now() + life * 1000, user: typeof user === 'string' ? user : null };
    this.tellTabs({ kind: 'access', access });
    this.take(access);
    return access;
  }

  /** @param {Access} access */
  take(access) {
    const other = this.access?.user && access.user && this.access.user !== access.user;
    this.access = access;
    if (other) this.onSession('changed');
  }

  /** @param {unknown} message */
  tellTabs(message) {
    try {
      this.channel?.postMessage(message);
    } catch {
      // a closed channel: this tab is going
    }
  }

  /** @param {any} message from another tab */
  heard(message) {
    if (message?.kind === 'left' && this.access) {
      this.access = null;
      this.onSession('left');
    } else if (message?.kind === 'access' && this.access) {
      // A signed-out tab stays where it is: a form may be half filled in.
      const { token, expiresAt, user } = message.access ?? {};
      if (typeof token === 'string' && Number.isFinite(expiresAt)) this.take({ token, expiresAt, user: user ?? null });
    }
  }

  // ---- requests ----

  /** @param {string} path */
  get(path) {
    return this.request('GET', path);
  }

  /** @param {string} path @param {unknown} [body] */
  post(path, body) {
    return this.request('POST', path, body ?? {});
  }

  /** @param {string} path @param {unknown} body */
  patch(path, body) {
    return this.request('PATCH', path, body);
  }

  /** @param {string} path @param {unknown} [body] */
  delete(path, body) {
    return this.request('DELETE', path, body);
  }

  /** A request without a credential. @param {string} path */
  open(path) {
    return this.send('GET', path, undefined, null);
  }

  /** A request with the session's token, repeated once with a fresh one after a 401. @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  async request(method, path, body) {
    const access = await this.token();
    if (!access) throw new RequestFailure({ code: 'unauthenticated', status: 401 });
    try {
      return await this.send(method, path, body, access.token);
    } catch (error) {
      if (!(error instanceof RequestFailure) || error.status !== 401) throw error;
      const fresh = await this.token(access.token);
      if (!fresh || fresh.token === access.token) throw error;
      return this.send(method, path, body, fresh.token);
    }
  }

  /** @param {string} method @param {string} path @param {unknown} body @param {string | null} token @returns {Promise<any>} */
  async send(method, path, body, token) {
    /** @type {Record<string, string>} */
    const headers = { accept: 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), REQUEST_TIMEOUT_MS);
    try {
      const answer = await this.fetch(this.base + path, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin', cache: 'no-store', signal: abort.signal,
      });
      const text = await answer.text();
      if (!answer.ok) throw failureOf(answer, text, this.now());
      return text === '' ? null : JSON.parse(text);
    } catch (error) {
      if (error instanceof RequestFailure) throw error;
      if (error instanceof SyntaxError) throw new RequestFailure({ code: 'bad_answer', message: 'The server gave an answer that makes no sense. Is a proxy in the way?' });
      throw new RequestFailure({ code: 'unreachable' });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The server understood and said no; asking again changes nothing. @param {number} status */
function isRefusal(status) {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/** @param {Response} answer @param {string} text @param {number} now */
function failureOf(answer, text, now) {
  /** @type {Dict} */
  let problem = {};
  try {
    const parsed = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) problem = parsed;
  } catch {
    // a proxy's page: the status has to do
  }
  const { code, detail, title } = problem;
  return new RequestFailure({
    code: typeof code === 'string' ? code : (CODES[answer.status] ?? 'unavailable'),
    status: answer.status,
    message: [detail, title].find((words) => typeof words === 'string' && words !== ''),
    retryAfter: retryAfter(answer.headers.get('retry-after'), now),
    fields: fieldsOf(problem.errors),
  });
}

/** Codes for answers that carry none. @type {Record<number, string>} */
const CODES = { 400: 'validation', 401: 'unauthenticated', 403: 'forbidden', 404: 'not_found', 409: 'conflict', 410: 'gone', 422: 'validation', 429: 'rate_limited' };

/** Seconds, from either form of Retry-After (RFC 9110 10.2.3). @param {string | null} value @param {number} now */
export function retryAfter(value, now) {
  if (value === null || value.trim() === '') return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - now) / 1000));
}

/** A form's field -> what is wrong with it. @param {unknown} errors @returns {Record<string, string>} */
function fieldsOf(errors) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const e of Array.isArray(errors) ? errors : []) {
    const name = e?.field ?? e?.pointer ?? e?.name;
    const words = e?.message ?? e?.detail;
    if (typeof name === 'string' && typeof words === 'string') fields[name.replace(/^[#/]+/, '')] ??= words;
  }
  return fields;
}

/** The `sub` of a JWT, unverified: only to notice that the session became someone else's. @param {string} token */
function subjectOf(token) {
  try {
    return JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/'))).sub;
  } catch {
    return null;
  }
}
