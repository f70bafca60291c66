// My rooms and the one on the screen: its details, channels, members and what is unread in them, kept true by events
// and read again after a drop. Never holds messages and never decides where a person goes next.

import { batch, signal } from '../vendor/ui.mjs';
import { mentionsMe } from '../mentions.js';

/** @typedef {import('../model.d.ts').Channel} Channel */
/** @typedef {import('../model.d.ts').Member} Member */
/** @typedef {import('../model.d.ts').Role} Role */
/** @typedef {import('../model.d.ts').Failure} Failure */
/** @typedef {{id: string, slug: string, title: string, role: Role}} Summary */
/** @typedef {{id: string, slug: string, title: string, role: Role, topic: string | null}} Details */
/** @typedef {{details: Details, channels: Channel[], members: Member[]}} Snapshot */
/** @typedef {{[key: string]: any}} Dict */

/** Members are read this far; a larger room shows counts and the ones who speak. */
const MAX_MEMBERS = 2000;
const MAX_CACHED = 16;
/** @type {Role[]} */
const ROLES = ['owner', 'admin', 'member', 'guest'];

export class Rooms {
  /** @param {{api: import('../api.js').Api, me: () => string, readUpto: (channel: string) => number}} needs */
  constructor(needs) {
    this.needs = needs;
    /** @type {import('../vendor/ui.mjs').Signal<Summary[]>} */
    this.list = signal([]);
    /** @type {import('../vendor/ui.mjs').Signal<Details | null>} */
    this.details = signal(null);
    /** @type {import('../vendor/ui.mjs').Signal<Channel[]>} */
    this.channels = signal([]);
    /** @type {import('../vendor/ui.mjs').Signal<Member[]>} */
    this.members = signal([]);
    /** @type {import('../vendor/ui.mjs').Signal<Failure | null>} */
    this.error = signal(null);
    /** @type {import('../vendor/ui.mjs').Signal<number | null>} until when a moderator muted me here, epoch ms */
    this.mutedUntil = signal(null);
    /** @type {Map<string, Snapshot>} slug -> what was last on the screen */
    this.cache = new Map();
    /** @type {string | null} */
    this.slug = null;
    this.round = 0;
    this.opening = Promise.resolve();
  }

  async loadList() {
    const answer = await this.needs.api.get('/api/rooms');
    this.list.value = objects(answer?.rooms).map(summaryOf);
  }

  /** Shows a room: what is known of it at once, and then as it is. @param {string | null} slug */
  async open(slug) {
    if (slug === this.slug) return this.opening;
    this.keep();
    this.slug = slug;
    const cached = slug === null ? undefined : this.cache.get(slug);
    batch(() => {
      this.error.value = null;
      this.mutedUntil.value = null;
      this.show(cached ?? null);
    });
    this.opening = slug === null ? Promise.resolve() : this.refresh();
    await this.opening;
  }

  /** Reads the room on the screen again. */
  async refresh() {
    const { slug } = this;
    if (slug === null) return;
    const round = ++this.round;
    const path = `/api/rooms/${encodeURIComponent(slug)}`;
    try {
      const [answer, members] = await Promise.all([this.needs.api.get(path), this.readMembers(path)]);
      if (slug !== this.slug || round !== this.round) return;
      batch(() => {
        this.error.value = null;
        this.show({ details: detailsOf(answer), channels: this.merge(objects(answer.channels).map(channelOf)), members });
      });
    } catch (error) {
      if (slug !== this.slug || round !== this.round) return;
      const failure = /** @type {Failure} */ (error);
      // What is on the screen stays there while the server is away.
      if (this.details.peek() && failure.status !== 404 && failure.status !== 403) return;
      batch(() => {
        this.cache.delete(slug);
        this.show(null);
        this.error.value = failure;
      });
    }
  }

  clear() {
    this.slug = null;
    this.round++;
    this.cache.clear();
    batch(() => {
      this.show(null);
      this.list.value = [];
      this.error.value = null;
    });
  }

  // ---- what is unread ----

  /** @param {string} channel */
  channel(channel) {
    return this.channels.peek().find((c) => c.id === channel) ?? null;
  }

  /** Counts a log event. @param {string} channel @param {import('../protocol.js').LogEvent} event */
  count(channel, { ev, seq, d }) {
    const known = this.channel(channel);
    if (!known || seq <= known.head) return;
    const me = this.needs.me();
    const counts = ev === 'message.new' && d.author?.id !== me && seq > this.needs.readUpto(channel);
    const named = counts && mentionsMe(d, me, (user) => this.roleIn(user));
    this.change(channel, { head: seq, unread: known.unread + (counts ? 1 : 0), mentions: known.mentions + (named ? 1 : 0) });
    if (ev === 'moderation' && d.user === me) this.moderated(d);
  }

  /** Takes the server's counts. @param {string} channel @param {Dict} counts */
  counted(channel, { head, unread, mentions }) {
    this.change(channel, { ...(isCount(head) ? { head } : {}), ...(isCount(unread) ? { unread } : {}), ...(isCount(mentions) ? { mentions } : {}) });
  }

  /** Somebody's role in the room on the screen; null: not a member, as far as is known. @param {string} user */
  roleIn(user) {
    return this.members.peek().find((m) => m.user === user)?.role ?? null;
  }

  // ---- events ----

  /** Takes a `channel.*`, `member.*` or `room.*` event. @param {{ev: string, d: Dict}} event */
  handle({ ev, d }) {
    switch (ev) {
      case 'channel.new': return this.channelNew(d);
      case 'channel.changed': return this.channelChanged(d);
      case 'channel.gone':
        this.channels.value = this.channels.peek().filter((c) => c.id !== d.id);
        return;
      case 'member.joined': return this.memberJoined(d);
      case 'member.changed': return this.memberChanged(d);
      case 'member.left':
        if (this.isHere(d.room)) this.members.value = this.members.peek().filter((m) => m.user !== d.user);
        return;
      case 'room.changed': return this.roomChanged(d);
      case 'room.removed': return this.removed(d.room);
      default:
    }
  }

  /** @param {unknown} room an id or a slug */
  isHere(room) {
    const details = this.details.peek();
    return details !== null && (room === details.id || room === details.slug);
  }

  /** @param {unknown} room an id or a slug */
  find(room) {
    return this.list.peek().find((r) => r.id === room || r.slug === room) ?? null;
  }

  // ---- below: not for callers ----

  /** @param {Snapshot | null} snapshot */
  show(snapshot) {
    batch(() => {
      this.details.value = snapshot?.details ?? null;
      this.channels.value = snapshot?.channels ?? [];
      this.members.value = snapshot?.members ?? [];
    });
  }

  keep() {
    const details = this.details.peek();
    if (!details || !this.find(details.id)) return;
    this.cache.delete(details.slug);
    this.cache.set(details.slug, { details, channels: this.channels.peek(), members: this.members.peek() });
    for (const oldest of this.cache.keys()) {
      if (this.cache.size <= MAX_CACHED) break;
      this.cache.delete(oldest);
    }
  }

  /** @param {string} path @returns {Promise<Member[]>} */
  async readMembers(path) {
    /** @type {Member[]} */
    const members = [];
    let after = '';
    while (members.length < MAX_MEMBERS) {
      const answer = await this.needs.api.get(`${path}/members${after === '' ? '' : `?after=${encodeURIComponent(after)}`}`);
      const page = objects(answer?.members).map(memberOf);
      members.push(...page);
      if (typeof answer?.next !== 'string' || answer.next === after || page.length === 0) break;
      after = answer.next;
    }
    return members;
  }

  /** Fresh details, except where events told more already. @param {Channel[]} fresh @returns {Channel[]} */
  merge(fresh) {
    return fresh.map((c) => {
      const known = this.channel(c.id);
      if (known && known.head > c.head) return { ...c, head: known.head, unread: known.unread, mentions: known.mentions };
      return this.needs.readUpto(c.id) >= c.head ? { ...c, unread: 0, mentions: 0 } : c;
    }).sort((a, b) => (a.letter < b.letter ? -1 : 1));
  }

  /** @param {string} channel @param {Partial<Channel>} change */
  change(channel, change) {
    this.channels.value = this.channels.peek().map((c) => (c.id === channel ? { ...c, ...change } : c));
  }

  /** @param {Dict} d */
  moderated(d) {
    if (d.act === 'mute') this.mutedUntil.value = typeof d.until === 'string' ? Date.parse(d.until) || Infinity : Infinity;
    else if (d.act === 'unmute') this.mutedUntil.value = null;
  }

  /** @param {Dict} d */
  channelNew(d) {
    if (!this.isHere(d.room) || typeof d.id !== 'string' || this.channel(d.id)) return;
    this.channels.value = [...this.channels.peek(), channelOf(d)].sort((a, b) => (a.letter < b.letter ? -1 : 1));
  }

  /** @param {Dict} d */
  channelChanged(d) {
    const known = typeof d.id === 'string' ? this.channel(d.id) : null;
    if (!known) return;
    const { head, unread, mentions } = known; // mine, not those of whoever changed it
    this.change(known.id, { ...channelOf({ ...known, ...d }), head, unread, mentions });
  }

  /** @param {Dict} d */
  memberJoined(d) {
    if (!this.isHere(d.room) || typeof d.user !== 'string') return;
    const others = this.members.peek().filter((m) => m.user !== d.user);
    if (others.length < MAX_MEMBERS) this.members.value = [...others, memberOf(d)];
  }

  /** @param {Dict} d */
  memberChanged(d) {
    const mine = d.user === this.needs.me() && ROLES.includes(d.role);
    batch(() => {
      if (mine) this.list.value = this.list.peek().map((r) => (r.id === d.room || r.slug === d.room ? { ...r, role: d.role } : r));
      const details = this.details.peek();
      if (!details || !this.isHere(d.room)) return;
      if (mine) this.details.value = { ...details, role: d.role };
      this.members.value = this.members.peek().map((m) => (m.user === d.user ? memberOf({ ...m, ...d }) : m));
    });
  }

  /** @param {Dict} d */
  roomChanged(d) {
    batch(() => {
      this.list.value = this.list.peek().map((r) => (r.id === d.id ? summaryOf({ ...r, title: d.title ?? r.title, slug: d.slug ?? r.slug }) : r));
      const details = this.details.peek();
      if (details && details.id === d.id) this.details.value = detailsOf({ ...details, ...d, role: details.role });
    });
  }

  /** @param {unknown} room an id or a slug */
  removed(room) {
    const known = this.find(room);
    if (known) this.cache.delete(known.slug);
    this.list.value = this.list.peek().filter((r) => r !== known);
  }
}

/** @param {unknown} value @returns {value is number} */
function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}

/** @param {unknown} list @returns {Dict[]} */
function objects(list) {
  return Array.isArray(list) ? list.filter((o) => typeof o === 'object' && o !== null) : [];
}

/** @param {unknown} role @returns {Role} */
function roleOf(role) {
  return ROLES.find((r) => r === role) ?? 'member';
}

/** @param {Dict} r @returns {Summary} */
export function summaryOf(r) {
  return { id: String(r.id), slug: String(r.slug), title: String(r.title ?? r.slug), role: roleOf(r.role) };
}

/** @param {Dict} r @returns {Details} */
function detailsOf(r) {
  return { ...summaryOf(r), topic: typeof r.topic === 'string' && r.topic !== '' ? r.topic : null };
}

/** @param {Dict} c @returns {Channel} */
export function channelOf(c) {
  return {
    id: String(c.id), letter: String(c.letter ?? ''), name: String(c.name ?? ''), kind: c.kind === 'voice' ? 'voice' : 'text',
    topic: typeof c.topic === 'string' && c.topic !== '' ? c.topic : null, ...(c.topology ? { topology: c.topology } : {}),
    head: isCount(c.head) ? c.head : 0, unread: isCount(c.unread) ? c.unread : 0, mentions: isCount(c.mentions) ? c.mentions : 0,
  };
}

/** @param {Dict} m @returns {Member} */
function memberOf(m) {
  return { user: String(m.user), name: String(m.name ?? m.username ?? ''), username: String(m.username ?? ''), role: roleOf(m.role) };
}
