// Who is online, per room, as the server tells it. Never guesses: someone not named is offline, and above the server's
// limit only the count is known.

import { signal } from '../vendor/ui.mjs';

/** @typedef {import('../model.d.ts').Status} Status */
/** @typedef {{online: Map<string, Status>, count: number | null}} RoomPresence `count` leads when it is not null */

const MAX_ROOMS = 500;
const STATUSES = new Set(['online', 'idle', 'dnd', 'offline']);
/** @type {RoomPresence} */
const NOBODY = { online: new Map(), count: null };

export class Presence {
  constructor() {
    /** @type {import('../vendor/ui.mjs').Signal<Map<string, RoomPresence>>} room, by id or slug as the server names it */
    this.rooms = signal(new Map());
  }

  /** @param {{id: string, slug: string}} room @returns {RoomPresence} */
  of(room) {
    const { value } = this.rooms;
    return value.get(room.id) ?? value.get(room.slug) ?? NOBODY;
  }

  /** Takes a `presence.state` or `presence` event. @param {{ev: string, d: {[key: string]: any}}} event */
  handle({ ev, d }) {
    if (typeof d.room !== 'string') return;
    const old = this.rooms.peek().get(d.room) ?? NOBODY;
    if (Number.isSafeInteger(d.count)) return this.set(d.room, { online: new Map(), count: Math.max(0, d.count) });
    // Who is told to be offline is not here, in whichever list; so the map's size is how many are online.
    const state = ev === 'presence.state';
    const online = new Map(state ? [] : old.online);
    for (const [user, status] of people(state ? d.online : d.joined)) {
      if (status === 'offline') online.delete(user);
      else online.set(user, status);
    }
    if (!state) for (const [user] of people(d.left)) online.delete(user);
    this.set(d.room, { online, count: null });
  }

  /** After a drop nothing is known until the server says it again. */
  clear() {
    this.rooms.value = new Map();
  }

  /** @param {string} room @param {RoomPresence} presence */
  set(room, presence) {
    const rooms = new Map(this.rooms.peek());
    rooms.delete(room);
    rooms.set(room, presence);
    for (const oldest of rooms.keys()) {
      if (rooms.size <= MAX_ROOMS) break;
      rooms.delete(oldest);
    }
    this.rooms.value = rooms;
  }
}

/** User ids with a status, from either form; without one they are online. @param {unknown} list @returns {[string, Status][]} */
function people(list) {
  /** @type {[string, Status][]} */
  const found = [];
  for (const p of Array.isArray(list) ? list : []) {
    if (typeof p === 'string') found.push([p, 'online']);
    else if (typeof p?.user === 'string') found.push([p.user, STATUSES.has(p.status) ? p.status : 'online']);
  }
  return found;
}
