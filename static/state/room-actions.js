// What a person does to rooms, channels, members and invites, over REST. Each waits for the server and rejects with a
// Failure; the events that follow tell everyone else. Never keeps anything but the last invite.

import { signal } from '../vendor/ui.mjs';
import { summaryOf, channelOf } from './rooms.js';

/** @typedef {import('../model.d.ts').Role} Role */
/** @typedef {import('../model.d.ts').Invite} Invite */
/**
 * @typedef {object} Needs
 * @property {import('../api.js').Api} api
 * @property {import('./rooms.js').Rooms} rooms
 * @property {string} origin
 * @property {(route: import('../model.d.ts').Route, options?: {replace?: boolean}) => void} navigate
 * @property {() => string} me
 * @property {() => void} connect joining the first room revives a connection that ended for want of one
 */

/** @param {string} part */
const seg = (part) => encodeURIComponent(part);

export class RoomActions {
  /** @param {Needs} needs */
  constructor(needs) {
    this.needs = needs;
    /** @type {import('../vendor/ui.mjs').Signal<string | null>} */
    this.inviteUrl = signal(null);
    /** Slugs that I am leaving: their removal is no news. @type {Set<string>} */
    this.leaving = new Set();
  }

  /** The room on the screen. */
  path() {
    return `/api/rooms/${seg(this.needs.rooms.slug ?? '')}`;
  }

  /** @param {{title: string, slug?: string}} f */
  async createRoom(f) {
    await this.goTo(await this.needs.api.post('/api/rooms', f));
  }

  /** Shows a room that I am in now. @param {any} room an answer of the server that names it: `{slug}`, `{room}` or a slug */
  async goTo(room) {
    const named = room?.room ?? room;
    const slug = typeof named === 'string' ? named : named?.slug;
    const { rooms, navigate } = this.needs;
    this.needs.connect();
    await rooms.loadList().catch(() => {});
    if (typeof slug !== 'string') return navigate({ name: 'home' });
    await rooms.open(slug);
    const letter = rooms.channels.peek().find((c) => c.kind === 'text')?.letter ?? null;
    navigate({ name: 'room', slug, letter });
  }

  /** @param {{title?: string, topic?: string | null}} f */
  async updateRoom(f) {
    const { rooms } = this.needs;
    const answer = await this.needs.api.patch(this.path(), f);
    rooms.handle({ ev: 'room.changed', d: { id: rooms.details.peek()?.id, ...f, ...answer } });
  }

  async removeRoom() {
    await this.depart((path) => this.needs.api.delete(path));
  }

  async leaveRoom() {
    await this.depart((path) => this.needs.api.delete(`${path}/members/${seg(this.needs.me())}`));
  }

  /** @param {(path: string) => Promise<unknown>} act */
  async depart(act) {
    const { rooms, navigate } = this.needs;
    const slug = rooms.slug ?? '';
    this.leaving.add(slug);
    try {
      await act(this.path());
      rooms.removed(slug);
      if (rooms.slug === slug) navigate({ name: 'home' }, { replace: true });
    } finally {
      this.leaving.delete(slug);
    }
  }

  /** @param {{name: string, kind: 'text' | 'voice'}} f */
  async createChannel(f) {
    const { rooms, navigate } = this.needs;
    const { slug } = rooms;
    const channel = channelOf(await this.needs.api.post(`${this.path()}/channels`, f));
    if (slug === null || slug !== rooms.slug) return;
    rooms.handle({ ev: 'channel.new', d: { ...channel, room: slug } });
    if (channel.kind === 'text') navigate({ name: 'room', slug, letter: channel.letter });
  }

  /** @param {string} letter @param {{name?: string, topic?: string | null}} f */
  async updateChannel(letter, f) {
    const d = await this.needs.api.patch(`${this.path()}/channels/${seg(letter)}`, f);
    this.needs.rooms.handle({ ev: 'channel.changed', d });
  }

  /** @param {string} letter */
  async removeChannel(letter) {
    const { rooms } = this.needs;
    const id = rooms.channels.peek().find((c) => c.letter === letter)?.id;
    await this.needs.api.delete(`${this.path()}/channels/${seg(letter)}`);
    rooms.handle({ ev: 'channel.gone', d: { id, letter } });
  }

  /** @param {{max_uses?: number, expires_in?: number, role?: Role}} [f] @returns {Promise<Invite>} */
  async createInvite(f = {}) {
    const { slug } = this.needs.rooms;
    const invite = this.inviteOf({ created_by: this.needs.me(), role: f.role, max_uses: f.max_uses, ...(await this.needs.api.post(`${this.path()}/invites`, f)) });
    if (slug === this.needs.rooms.slug) this.inviteUrl.value = invite.url;
    return invite;
  }

  /** @returns {Promise<Invite[]>} */
  async invites() {
    const answer = await this.needs.api.get(`${this.path()}/invites`);
    return (Array.isArray(answer?.invites) ? answer.invites : []).map((/** @type {any} */ i) => this.inviteOf(i));
  }

  /** @param {string} token */
  async revokeInvite(token) {
    await this.needs.api.delete(`${this.path()}/invites/${seg(token)}`);
    if (this.inviteUrl.peek()?.endsWith(`/${token}`)) this.inviteUrl.value = null;
  }

  /** @param {string} user @param {Role} role */
  async setRole(user, role) {
    const { rooms } = this.needs;
    const room = rooms.slug;
    await this.needs.api.patch(`${this.path()}/members/${seg(user)}`, { role });
    rooms.handle({ ev: 'member.changed', d: { room, user, role } });
    if (role === 'owner') void rooms.refresh(); // ownership moved: my own role changed too
  }

  /** @param {string} user */
  async removeMember(user) {
    const { rooms } = this.needs;
    const room = rooms.slug;
    await this.needs.api.delete(`${this.path()}/members/${seg(user)}`);
    rooms.handle({ ev: 'member.left', d: { room, user } });
  }

  /** @param {string} token */
  async acceptInvite(token) {
    await this.goTo(await this.needs.api.post(`/api/invites/${seg(token)}/accept`));
  }

  /** @param {string} token @returns {Promise<import('../model.d.ts').InvitePreview>} */
  async previewInvite(token) {
    const p = await this.needs.api.open(`/api/invites/${seg(token)}`);
    const { title, slug } = summaryOf(p?.room ?? {});
    const talking = Array.isArray(p?.talking) ? p.talking.map((/** @type {any} */ t) => ({ name: String(t?.name ?? t ?? '') })) : [];
    const registration = p?.registration === 'invite' || p?.registration === 'closed' ? p.registration : 'open';
    return { room: { title, slug, members: Number.isSafeInteger(p?.room?.members) ? p.room.members : 0 }, inviter: String(p?.inviter?.name ?? p?.inviter ?? ''), talking, registration };
  }

  /** @param {any} i @returns {Invite} */
  inviteOf(i) {
    const token = String(i?.token ?? '');
    return {
      token, url: typeof i?.url === 'string' && i.url !== '' ? i.url : `${this.needs.origin}/i/${token}`, uses: Number(i?.uses) || 0,
      max_uses: Number.isSafeInteger(i?.max_uses) ? i.max_uses : null, expires_at: typeof i?.expires_at === 'string' ? i.expires_at : null,
      role: i?.role === 'admin' || i?.role === 'guest' || i?.role === 'owner' ? i.role : 'member', created_by: String(i?.created_by ?? ''),
    };
  }
}
