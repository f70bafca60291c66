// Who is signed in: resuming at the start, signing in and out, the account itself. Never holds a token (api.js does)
// and never knows rooms; it says when a person came and when they left.

import { batch, signal } from '../vendor/ui.mjs';
import { backoff } from '../protocol.js';

/** @typedef {import('../model.d.ts').Me} Me */
/** @typedef {import('../model.d.ts').Settings} Settings */
/** @typedef {{name: string, origin: string, registration: 'open' | 'invite' | 'closed', messageMax: number}} Config */
/**
 * @typedef {object} Needs
 * @property {import('../api.js').Api} api
 * @property {string} origin
 * @property {import('../outbox.js').Store} storage
 * @property {() => number} random
 * @property {(ms: number) => Promise<void>} sleep may end early when a person asks for it
 * @property {(me: Me) => Promise<void>} onEnter loads what the first screen needs
 * @property {(forget: boolean) => void} onLeave `forget`: on purpose, leave nothing on this device
 * @property {(waitMs: number) => void} onUnreachable the server could not be reached at the start; tries again after
 */

const MESSAGE_MAX = 2000;
/** In storage while a sign-out has not reached the server: the cookie it should have ended must not resume. */
const SIGNED_OUT = 'charge.signed-out';

export class Session {
  /** @param {Needs} needs */
  constructor(needs) {
    this.needs = needs;
    /** @type {import('../vendor/ui.mjs').Signal<Me | null>} */
    this.me = signal(null);
    this.ready = signal(false);
    /** @type {import('../vendor/ui.mjs').Signal<Config>} */
    this.config = signal({ name: 'Charge', origin: needs.origin, registration: 'open', messageMax: MESSAGE_MAX });
  }

  /** Resumes the stored session; returns when it is known whether there is one. */
  async boot() {
    const config = this.loadConfig();
    for (let tries = 0; ; tries++) {
      try {
        if (this.marked()) await this.endOnServer();
        else if (await this.needs.api.token()) await this.enter();
        await config;
        break;
      } catch (error) {
        const { status, code } = /** @type {any} */ (error);
        if (status === 401 || code === 'unauthenticated') break;
        const wait = Math.max(1000, backoff(tries, this.needs.random()));
        this.needs.onUnreachable(wait);
        await this.needs.sleep(wait);
        void this.loadConfig();
      }
    }
    this.ready.value = true;
  }

  /** @param {{username: string, password: string}} f */
  async signIn(f) {
    await this.needs.api.signIn(f);
    await this.enter();
  }

  /** @param {{username: string, password: string, display_name?: string, invite?: string}} f */
  async register(f) {
    await this.needs.api.register(f);
    await this.enter();
  }

  /** Answers the room that the guest may see. @param {string} invite @param {string} display_name */
  async guest(invite, display_name) {
    const answer = await this.needs.api.guest({ invite, display_name });
    await this.enter();
    return answer.room;
  }

  /** Makes the account of this form the server's admin. @param {string} token @param {{username: string, password: string, display_name?: string}} f */
  async setup(token, f) {
    const { api } = this.needs;
    if (!this.me.peek()) {
      const { username, password, display_name } = f;
      try {
        // The token lets its holder register where registration is closed or by invite.
        await api.register({ username, password, ...(display_name ? { display_name } : {}), setup: token });
      } catch (error) {
        // A second try after half a setup: the account exists already.
        if (/** @type {any} */ (error).code !== 'conflict') throw error;
        await api.signIn({ username, password }).catch(() => { throw error; });
      }
    }
    await api.post('/api/setup', { token });
    await this.enter();
  }

  /** Leaves at once; the server hears of it now or at the next start. */
  async signOut() {
    this.leave(true);
    this.mark(true);
    await this.endOnServer();
  }

  /** The session is over, here. @param {boolean} forget */
  leave(forget) {
    if (!this.me.peek()) return;
    this.needs.onLeave(forget);
    this.me.value = null;
  }

  /** @param {{display_name?: string, settings?: Partial<Settings>}} f */
  async update(f) {
    const before = this.me.peek();
    if (!before) return;
    const settings = f.settings && { ...before.settings, ...f.settings };
    const changed = { ...(f.display_name === undefined ? {} : { display_name: f.display_name }), ...(settings ? { settings } : {}) };
    this.me.value = { ...before, ...changed };
    try {
      this.took(await this.needs.api.patch('/api/me', changed));
    } catch (error) {
      this.me.value = before;
      throw error;
    }
  }

  /** @param {{old: string, new: string}} password */
  async changePassword(password) {
    await this.needs.api.patch('/api/me', { password });
  }

  /** @param {{username: string, password: string}} f */
  async becomeAccount({ username, password }) {
    this.took(await this.needs.api.patch('/api/me', { username, password }));
    await this.readMe();
  }

  /** @param {{password?: string}} f */
  async deleteAccount(f) {
    await this.needs.api.delete('/api/me', f);
    await this.signOut();
  }

  // ---- below: not for callers ----

  async endOnServer() {
    if (await this.needs.api.signOut()) this.mark(false);
  }

  marked() {
    try {
      return this.needs.storage.getItem(SIGNED_OUT) !== null;
    } catch {
      return false;
    }
  }

  /** @param {boolean} signedOut */
  mark(signedOut) {
    try {
      if (signedOut) this.needs.storage.setItem(SIGNED_OUT, '1');
      else this.needs.storage.removeItem(SIGNED_OUT);
    } catch {
      // storage is off: the server has to hear of it now
    }
  }

  /** Loads what a signed-in person sees first. */
  async enter() {
    this.mark(false);
    const me = meOf(await this.needs.api.get('/api/me'));
    await this.needs.onEnter(me);
    this.ready.value = true;
  }

  async readMe() {
    this.took(await this.needs.api.get('/api/me'));
  }

  /** @param {any} answer the profile, if the server told it */
  took(answer) {
    const me = this.me.peek();
    if (me && answer?.id === me.id) this.me.value = meOf({ ...me, ...answer });
  }

  async loadConfig() {
    try {
      const c = await this.needs.api.open('/api/config/client');
      const { origin } = this.needs;
      batch(() => {
        this.config.value = {
          origin, name: typeof c?.name === 'string' && c.name !== '' ? c.name : 'Charge',
          registration: c?.registration === 'invite' || c?.registration === 'closed' ? c.registration : 'open',
          messageMax: Number.isSafeInteger(c?.message_max_length) && c.message_max_length > 0 ? c.message_max_length : MESSAGE_MAX,
        };
      });
    } catch {
      // the defaults do until the server answers
    }
  }
}

/** @param {any} m @returns {Me} */
function meOf(m) {
  return {
    id: String(m?.id ?? ''), username: String(m?.username ?? ''), display_name: String(m?.display_name || m?.username || ''),
    guest: m?.guest === true, admin: m?.admin === true, settings: typeof m?.settings === 'object' && m.settings !== null ? m.settings : {},
  };
}
