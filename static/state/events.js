// What each live event that is no part of a channel's log means, and for which part of the state. Holds nothing.

/**
 * @typedef {object} Parts
 * @property {() => string} me
 * @property {import('./presence.js').Presence} presence
 * @property {import('./typing.js').Typing} typing
 * @property {import('./reads.js').Reads} reads
 * @property {import('./rooms.js').Rooms} rooms
 * @property {import('./notices.js').Notices} notices
 * @property {() => void} refreshSoon reads rooms and the room on the screen again
 * @property {() => import('../model.d.ts').Route} route
 * @property {(route: import('../model.d.ts').Route) => void} navigate in place of where one is
 * @property {(ch: string) => number} discardPending
 * @property {Set<string>} leaving slugs whose removal is no news
 */

/** @param {Parts} parts @param {import('../protocol.js').EventFrame} event */
export function handleEvent(parts, event) {
  const { me, presence, typing, reads, rooms, refreshSoon } = parts;
  const { ev, ch = '', d } = event;
  switch (ev) {
    case 'typing':
      if (typeof d.user === 'string' && d.user !== me()) typing.started(ch, d.user);
      return;
    case 'presence':
    case 'presence.state':
      return presence.handle(event);
    case 'unread':
      return rooms.counted(ch, d);
    case 'read':
      if (Number.isSafeInteger(d.upto) && reads.elsewhere(ch, d.upto)) rooms.counted(ch, { unread: d.unread, mentions: d.mentions });
      return;
    case 'room.removed':
      return handleRemoved(parts, d);
    case 'member.left':
      return d.user === me() ? handleRemoved(parts, d) : rooms.handle(event);
    case 'member.joined':
      if (d.user === me() && !rooms.find(d.room)) return refreshSoon();
      return rooms.handle(event);
    case 'channel.gone':
      handleChannelGone(parts, String(d.id));
      return rooms.handle(event);
    default:
      return rooms.handle(event);
  }
}

/** @param {Parts} parts @param {{[key: string]: any}} d */
function handleRemoved({ rooms, notices, navigate, leaving }, d) {
  const known = rooms.find(d.room);
  if (!known) return;
  const here = rooms.isHere(d.room);
  rooms.removed(d.room);
  if (!leaving.has(known.slug)) notices.add(removalWords(known.title, d.reason), 'error');
  if (here) navigate({ name: 'home' });
}

/** @param {Parts} parts @param {string} id */
function handleChannelGone({ rooms, notices, navigate, route, discardPending }, id) {
  const known = rooms.channel(id);
  if (!known) return;
  if (discardPending(id) > 0) notices.add(`#${known.name} is gone, with what you had not sent yet.`, 'error');
  const to = route();
  if (to.name !== 'room' || to.letter !== known.letter) return;
  notices.add(`#${known.name} was deleted.`);
  navigate({ ...to, letter: null });
}

/** @param {string} title @param {unknown} reason */
function removalWords(title, reason) {
  if (reason === 'deleted') return `“${title}” was deleted.`;
  if (reason === 'banned' || reason === 'ban') return `You were banned from “${title}”.`;
  if (reason === 'left') return `You left “${title}”.`;
  return `You were removed from “${title}”.`;
}
