// Stands in for static/state.js: the same Model, filled by the `screen` in the address.
import { computed, signal } from './vendor/ui.mjs';
import { parse, format } from './router.js';
import { CHANNELS, longHistory, MESSAGES, message, PEOPLE, PRESENCE } from './fixture.js';

/** @typedef {import('../../static/model.d.ts').Model} Model */

const query = new URLSearchParams(location.search);
const screen = query.get('screen') ?? 'chat';
const is = (...names) => names.includes(screen);

const fail = (code, status, text, fields = {}) =>
  Object.assign(new Error(text), { code, status, retryAfter: null, fields });
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const never = () => new Promise(() => {});

const role = is('member', 'closed') ? 'member' : is('guest') ? 'guest' : 'owner';
const meIs = is('guest') ? 'u-tom' : 'u-lea';
const person = PEOPLE.find((each) => each.user === meIs);
const signedOut = is('signin', 'signin-invite-only', 'register', 'register-closed', 'setup', 'invite', 'invite-expired', 'invite-used',
  'invite-banned', 'invite-gone', 'invite-fault', 'invite-loading', 'invite-talking');
const me = signal(signedOut ? null : {
  id: meIs, username: person.username, display_name: person.name, guest: is('guest'), admin: false,
  settings: { theme: query.get('theme') ?? 'system', clock: '24' },
});
const route = signal(parse(location));
addEventListener('popstate', () => (route.value = parse(location)));

const channels = signal(CHANNELS);
const room = signal(buildRoom());
function buildRoom() {
  if (is('loading', 'not-found', 'banned', 'room-fault', 'server-silent', 'ended', 'updated')) return null;
  const members = PEOPLE.map((each) => (each.user === meIs ? { ...each, role } : each.role === 'owner' && role === 'owner' ? { ...each, role: 'admin' } : each));
  const crowd = is('crowd');
  return {
    id: 'r1', slug: 'foxglove', title: is('long-names') ? 'The Foxglove and Honeysuckle Gardening Society of Lower Aldershot' : 'Foxglove', role, topic: 'A workshop with a garden.',
    channels: channels.value, members: crowd ? Array.from({ length: 130 }, (_, i) => ({ user: `x${i}`, name: `Visitor ${i + 1}`, username: `visitor${i}`, role: 'member' })) : members,
    presence: crowd ? new Map() : new Map(PRESENCE), onlineCount: crowd ? 112 : 7,
  };
}
if (is('long-names') && room.value) {
  room.value = {
    ...room.value,
    channels: CHANNELS.map((each) => (each.letter === 'b' ? { ...each, name: 'a-very-long-channel-name-that-will-not-fit-anywhere-at-all', topic: 'A topic that goes on for much longer than any header on any screen could ever hope to show in full' } : each)),
    members: room.value.members.map((each) => ({ ...each, name: `${each.name} Featherstonehaugh-Cholmondeley` })),
  };
}
const channel = computed(() => {
  if (route.value.name !== 'room' || !room.value) return null;
  const letter = route.value.letter;
  const texts = room.value.channels.filter((each) => each.kind === 'text');
  return letter === null ? texts[1] : (texts.find((each) => each.letter === letter) ?? null);
});

const pendings = {
  pending: [
    { key: 'k1', channel: 'c-general', text: 'This one is on its way', reply_to: null, at: '2026-11-19T10:32:00Z', state: 'sending', error: null },
    { key: 'k2', channel: 'c-general', text: 'This one waits for the network', reply_to: null, at: '2026-11-19T10:32:10Z', state: 'queued', error: null },
    { key: 'k3', channel: 'c-general', text: 'And this one was refused', reply_to: 9, at: '2026-11-19T10:33:00Z', state: 'failed', error: 'You write faster than this channel allows.' },
  ],
};
const empty = is('empty', 'empty-member', 'messages-loading', 'messages-fault');
const longs = is('long', 'gap', 'older', 'reload') ? longHistory(80) : [];
const talk = is('long-names')
  ? [...MESSAGES.map((m) => ({ ...m, author: { ...m.author, name: `${m.author.name} Featherstonehaugh-Cholmondeley` } })), message('u-jon', '10:40', `https://example.org/${'a'.repeat(180)} and ${'w'.repeat(140)}`)]
  : MESSAGES;
const timeline = signal({
  channel: 'c-general', messages: empty ? [] : longs.length ? longs : talk,
  pending: is('pending') ? pendings.pending : is('offline') ? [pendings.pending[1]] : [], head: 9,
  phase: is('messages-loading') ? 'loading' : is('messages-fault', 'reload') ? 'error' : is('gap') ? 'gap' : 'ready',
  error: is('messages-fault', 'reload') ? 'The server was too busy to answer.' : null,
  hasOlder: is('long', 'older'), loadingOlder: is('older'),
  newSince: is('chat', 'offline', 'guest', 'member', 'long-names', 'typing') ? 8 : null, newSinceAt: '2026-11-19T10:20:00Z',
});
const empties = {};
const timelineOf = computed(() => {
  const id = channel.value?.id;
  if (!id) return null;
  if (id === 'c-general') return timeline.value;
  empties[id] ??= { ...timeline.value, channel: id, messages: [], pending: [], hasOlder: false, newSince: null, phase: 'ready' };
  return empties[id];
});

const notices = signal(is('toasts') ? [{ id: 1, kind: 'info', text: 'Invite link copied.' }, { id: 2, kind: 'error', text: 'The role did not change: only the owner may do that.' }] : []);
const drafts = new Map();
const draft = (id) => {
  const start = is('over') ? 'word '.repeat(402) : is('near') ? 'word '.repeat(390) + 'end' : is('draft') ? 'First line\nsecond line\nthird line' : '';
  if (!drafts.has(id)) drafts.set(id, signal(start));
  return drafts.get(id);
};
const inviteUrl = signal(is('invite-made') ? 'https://rooms.foxglove.dev/i/Zk3v9sQpXb7LrT2mNw8yAg' : null);
const reason = is('ended') ? 'Signed out from another device.' : null;

const refusals = {
  member: ['invite', 'post', 'create_room'],
  guest: ['post'],
};
const can = (action) => {
  if (is('closed') && action === 'post') return { ok: false, why: 'You are muted here until 18:00.' };
  if (is('home-guest') && action === 'create_room') return { ok: false, why: 'Guests cannot create rooms. Make an account first.' };
  if (role === 'owner' || (refusals[role] ?? refusals.member).includes(action)) return { ok: true };
  return { ok: false, why: 'Only the owner and admins may do this.' };
};

let noticeId = 10;
const notify = (text, kind = 'info') => {
  noticeId += 1;
  notices.value = [...notices.value, { id: noticeId, kind, text }];
};
const done = (name) => async (...args) => {
  console.debug(name, ...args);
  await later(150);
};

/** @type {any} */
export const model = {
  app: signal({
    name: 'Charge', origin: 'https://rooms.foxglove.dev', messageMax: 2000, guestOf: is('guest') ? 'r1' : null,
    registration: is('signin-invite-only', 'register-closed') ? 'invite' : 'open',
  }),
  ready: signal(!is('not-ready')),
  me, route, room, channel, timeline: timelineOf, notices, inviteUrl, draft, can, notify,
  rooms: signal(is('home', 'home-guest') ? [] : [{ id: 'r1', slug: 'foxglove', title: 'Foxglove', role }, { id: 'r2', slug: 'book-club', title: 'Book club', role: 'member' }]),
  connection: signal({
    status: is('offline', 'server-silent') ? 'reconnecting' : is('ended', 'updated', 'kicked') ? 'ended' : 'online',
    retryAt: is('offline') ? Date.now() + 6_500 : null, reason,
    code: is('ended') ? 4500 : is('updated') ? 4505 : is('kicked') ? 4503 : null,
  }),
  roomError: signal(is('not-found') ? fail('not_found', 404, 'No such room.') : is('banned') ? fail('banned', 403, 'Until 1 December: spam in #general.') : is('room-fault') ? fail('unavailable', 503, 'The database does not answer.') : null),
  typing: signal(is('chat', 'typing') ? [{ id: 'u-mio', name: 'Mio' }, { id: 'u-jon', name: 'Jonas' }] : []),
  replyTo: signal(is('reply') ? MESSAGES[7] : null),
  navigate(to) {
    history.pushState(null, '', format(to) + location.search);
    route.value = to;
  },
  signIn: async () => { await later(200); throw fail('unauthenticated', 401, 'This username and password do not match.'); },
  register: async () => { await later(200); throw fail('conflict', 409, 'Taken.', { username: 'Someone has this username already.' }); },
  joinAsGuest: done('joinAsGuest'), acceptInvite: done('acceptInvite'),
  previewInvite: async () => {
    if (is('invite-loading')) return never();
    if (is('invite-expired')) throw fail('invite_expired', 410, 'Expired.');
    if (is('invite-used')) throw fail('invite_used', 410, 'Used up.');
    if (is('invite-banned')) throw fail('banned', 403, 'Until 1 December: spam in #general.');
    if (is('invite-gone')) throw fail('not_found', 404, 'No such invite.');
    if (is('invite-fault')) throw fail('unavailable', 503, 'The server does not answer.');
    return { room: { title: 'Foxglove', slug: 'foxglove', members: 8 }, inviter: 'Ada Okafor', talking: is('invite-talking') ? PEOPLE.slice(0, 4).map(({ name }) => ({ name })) : [], registration: 'open' };
  },
  setup: done('setup'), signOut: done('signOut'), createRoom: done('createRoom'), updateRoom: done('updateRoom'), removeRoom: done('removeRoom'),
  leaveRoom: done('leaveRoom'), createChannel: done('createChannel'), updateChannel: done('updateChannel'), removeChannel: done('removeChannel'),
  createInvite: async () => { await later(150); inviteUrl.value = 'https://rooms.foxglove.dev/i/Zk3v9sQpXb7LrT2mNw8yAg'; return { token: 'Zk3v9sQpXb7LrT2mNw8yAg', url: inviteUrl.value }; },
  invites: async () => [
    { token: 'Zk3v9sQpXb7LrT2mNw8yAg', url: 'https://rooms.foxglove.dev/i/Zk3v9sQpXb7LrT2mNw8yAg', uses: 3, max_uses: null, expires_at: new Date(Date.now() + 6e8).toISOString(), role: 'guest', created_by: 'u-ada-7' },
    { token: 'Qq3v9sQpXb7LrT2mNw8yBh', url: 'https://rooms.foxglove.dev/i/Qq3v9sQpXb7LrT2mNw8yBh', uses: 1, max_uses: 5, expires_at: null, role: 'guest', created_by: 'u-lea' },
  ],
  revokeInvite: done('revokeInvite'), setRole: done('setRole'), removeMember: done('removeMember'),
  send(words) {
    draft(channel.value.id).value = '';
    model.replyTo.value = null;
    timeline.value = { ...timeline.value, messages: [...timeline.value.messages, { ...message(meIs, '10:45', words), created_at: new Date().toISOString() }] };
  },
  retry() {}, discard() {}, typed() {},
  async loadOlder() {
    if (timeline.value.loadingOlder || !is('long')) return;
    timeline.value = { ...timeline.value, loadingOlder: true };
    await later(120);
    const first = timeline.value.messages[0].seq;
    const older = longHistory(30).map((m, i) => ({ ...m, id: `o${first - 30 + i}`, seq: first - 30 + i }));
    timeline.value = { ...timeline.value, messages: [...older, ...timeline.value.messages], loadingOlder: false, hasOlder: first > -60 };
  },
  reload() {}, retryRoom() {}, seen(seq) { globalThis.lastSeen = seq; }, reconnectNow() {},
  async updateMe({ display_name, settings }) {
    me.value = { ...me.value, ...(display_name ? { display_name } : {}), settings: { ...me.value.settings, ...settings } };
  },
  changePassword: async () => { await later(100); throw fail('validation', 422, 'Wrong.', { old: 'This is not your current password.' }); },
  becomeAccount: done('becomeAccount'), deleteAccount: done('deleteAccount'),
  sessions: async () => [
    { id: 's1', current: true, agent: 'Firefox on Linux', created_at: '2026-11-19T08:00:00Z', seen_at: '2026-11-19T10:00:00Z' },
    { id: 's2', current: false, agent: 'Safari on iPhone', created_at: '2026-11-12T08:00:00Z', seen_at: '2026-11-18T21:00:00Z' },
  ],
  endSession: done('endSession'),
  dismiss(id) { notices.value = notices.value.filter((notice) => notice.id !== id); },
};
globalThis.gallery = { model, timeline, message };
