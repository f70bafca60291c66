// Puts the parts together into the Model that the views consume: which part hears which event, and what a route means.
// Owns no rule of its own that a part could own, and reaches the browser only through what it is given.

import { batch, computed, effect, signal, untracked } from '../vendor/ui.mjs';
import { Api } from '../api.js';
import { Outbox } from '../outbox.js';
import { Router } from '../router.js';
import { Drafts } from './drafts.js';
import { handleEvent } from './events.js';
import { Live } from './live.js';
import { Notices } from './notices.js';
import { verdict } from './permissions.js';
import { Presence } from './presence.js';
import { Reads } from './reads.js';
import { RoomActions } from './room-actions.js';
import { Rooms } from './rooms.js';
import { mentionsMe } from '../mentions.js';
import { Session } from './session.js';
import { Timelines } from './timeline.js';
import { Typing } from './typing.js';

/** @typedef {import('../model.d.ts').Model} Model */
/**
 * @typedef {object} Browser what the model needs of the place it runs in
 * @property {string} origin
 * @property {import('../router.js').Surroundings} surroundings
 * @property {import('../outbox.js').Store} storage
 * @property {import('../api.js').Locks | null} locks
 * @property {import('../api.js').Channel | null} channel
 * @property {typeof fetch} fetch
 * @property {any} WebSocket
 * @property {() => number} now
 * @property {() => number} random
 * @property {(fn: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/** Reads that follow a reconnect are spread over this, for a server that just came back. */
const SPREAD_MS = 1500;
/** The first screen waits this long for its messages, to appear at once. */
const FIRST_SCREEN_MS = 800;
const MAX_NAME_GUESSES = 20;

/** @param {Browser} browser */
export function createModel(browser) {
  const { origin, storage, locks, now, random, setTimeout, clearTimeout } = browser;
  const api = new Api({ fetch: browser.fetch, locks, channel: browser.channel, now, setTimeout });
  const notices = new Notices(setTimeout);
  const me = () => session.me.peek()?.id ?? '';
  /** @type {Outbox | null} */
  let outbox = null;
  /** @type {() => void} */
  let wake = () => {};
  let refreshTimer = /** @type {any} */ (null);

  const live = new Live({
    url: `${origin.replace(/^http/, 'ws')}/ws`,
    api, WebSocket: browser.WebSocket, now, random, setTimeout, clearTimeout,
    onEvent: (event) => batch(() => handleEvent(parts, event)),
    onOnline: (online, first) => onOnline(online, first),
    onEnded: (code) => { if (code === 4500) session.leave(false); else void rooms.loadList().catch(() => {}); },
  });
  const presence = new Presence();
  const typing = new Typing({ now, setTimeout, clearTimeout, notify: (ch) => live.connection.notify('typing', { ch }) });
  const reads = new Reads({
    setTimeout,
    tell: (ch, upto) => live.request('read', { ch, d: { upto } }),
    onRead: (ch, upto) => {
      const rest = timelines.messagesAfter(ch, upto);
      rooms.counted(ch, { unread: rest.length, mentions: rest.filter((m) => mentionsMe(m, me(), (user) => rooms.roleIn(user))).length });
    },
  });
  const rooms = new Rooms({ api, me, readUpto: (ch) => reads.upto(ch) });
  const timelines = new Timelines({
    me,
    history: (ch, { limit, before }) => api.get(`/api/channels/${encodeURIComponent(ch)}/history?limit=${limit}${before === undefined ? '' : `&before=${before}`}`),
    subscribe: (ch, options) => live.connection.subscribe(ch, options),
    pending: (ch) => outbox?.list(ch) ?? [],
    onEvent: (ch, event) => {
      rooms.count(ch, event);
      if (event.ev === 'message.new') typing.stopped(ch, String(event.d.author?.id));
    },
    onLive: (ch, head) => { if ((rooms.channel(ch)?.head ?? head) < head) refreshSoon(); },
    onReset: () => refreshSoon(),
    onGone: () => refreshSoon(),
  });
  const drafts = new Drafts(storage, me);
  const session = new Session({
    api, origin, random, storage,
    sleep: (ms) => new Promise((done) => {
      wake = () => done();
      setTimeout(() => done(), ms);
    }),
    onUnreachable: (ms) => { live.view.value = { status: 'reconnecting', retryAt: now() + ms, reason: null, code: null }; },
    onEnter: enter,
    onLeave: leave,
  });

  const route = signal(/** @type {import('../model.d.ts').Route} */ ({ name: 'home' }));
  const router = new Router(browser.surroundings, (to) => { route.value = to; });
  route.value = router.route;
  const actions = new RoomActions({ api, rooms, origin, me, navigate: (to, options) => router.navigate(to, options), connect: () => live.start() });
  /** @type {import('./events.js').Parts} */
  const parts = {
    me, presence, typing, reads, rooms, notices, refreshSoon,
    route: () => route.peek(),
    navigate: (to) => router.navigate(to, { replace: true }),
    discardPending: (ch) => outbox?.discardAll(ch) ?? 0,
    leaving: actions.leaving,
  };
  const replyTo = signal(/** @type {import('../model.d.ts').Message | null} */ (null));
  const slug = computed(() => (session.me.value && route.value.name === 'room' ? route.value.slug : null));

  const room = computed(() => {
    const details = rooms.details.value;
    if (!details) return null;
    const { online, count } = presence.of(details);
    return { ...details, channels: rooms.channels.value, members: rooms.members.value, presence: online, onlineCount: count ?? online.size };
  });
  const channel = computed(() => {
    const to = route.value;
    const texts = rooms.channels.value.filter((c) => c.kind === 'text');
    if (to.name !== 'room' || to.slug !== rooms.details.value?.slug) return null;
    const letter = to.letter ?? lastVisited();
    return texts.find((c) => c.letter === letter) ?? (to.letter === null ? texts[0] : undefined) ?? null;
  });
  const channelId = computed(() => channel.value?.id ?? null);
  const textIds = computed(() => rooms.channels.value.filter((c) => c.kind === 'text').map((c) => c.id).join(' '));
  const timeline = computed(() => (channelId.value === null ? null : timelines.view(channelId.value).value));

  /** Which channel of the room on the screen was looked at last. */
  function lastVisited() {
    try {
      return storage.getItem(`charge.last.${me()}.${rooms.details.peek()?.id}`);
    } catch {
      return null;
    }
  }

  // ---- a person comes and goes ----

  /** @param {import('../model.d.ts').Me} person */
  async function enter(person) {
    const before = session.me.peek();
    if (before && before.id !== person.id) session.leave(false);
    await rooms.loadList();
    if (before?.id !== person.id) {
      outbox = new Outbox({
        user: person.id, storage, locks, now, random, setTimeout,
        send: ({ key, channel: ch, text, reply_to }) => live.request('send', { ch, d: { key, text, ...(reply_to === null ? {} : { reply_to }) } }),
        onChange: (ch) => timelines.pendingChanged(ch),
        onSent: (entry, ok) => timelines.sent(entry.channel, ok),
      });
    }
    session.me.value = person;
    live.start();
    if (slug.peek() === null) return;
    await rooms.open(slug.peek());
    if (channelId.peek() === null) return;
    const messages = timelines.loaded(channelId.peek() ?? '');
    await Promise.race([messages, new Promise((done) => { setTimeout(() => done(null), FIRST_SCREEN_MS); })]);
  }

  /** @param {boolean} forget */
  function leave(forget) {
    live.stop();
    if (forget) {
      outbox?.clear();
      drafts.clear();
    }
    outbox?.close();
    outbox = null;
    drafts.close();
    batch(() => {
      rooms.clear();
      timelines.clear();
      presence.clear();
      typing.clear();
      reads.clear();
      replyTo.value = null;
      actions.inviteUrl.value = null;
    });
  }

  api.onSession = (why) => {
    const wasIn = session.me.peek() !== null;
    session.leave(why === 'left');
    if (why === 'changed') void session.boot();
    else if (wasIn) notices.add(why === 'left' ? 'You signed out in another tab.' : 'Your session ended. Sign in again.');
  };

  // ---- what the connection brings ----

  /** @param {boolean} online @param {boolean} first */
  function onOnline(online, first) {
    outbox?.connected(online);
    if (!online) return typing.clear();
    reads.tellAll();
    timelines.reloadFailed();
    if (rooms.error.peek()) void rooms.refresh();
    // What is no part of a channel's log may have changed meanwhile.
    if (!first) refreshSoon();
  }

  /** Reads rooms and the room on the screen again, once for all who ask. */
  function refreshSoon() {
    refreshTimer ??= setTimeout(() => {
      refreshTimer = null;
      if (!session.me.peek()) return;
      void rooms.loadList().catch(() => {});
      void rooms.refresh();
    }, 200 + random() * SPREAD_MS);
  }

  // ---- what follows from a route ----

  effect(() => {
    const to = slug.value;
    untracked(() => {
      if (to !== rooms.slug) actions.inviteUrl.value = null;
      void rooms.open(to);
    });
  });
  effect(() => {
    const ids = textIds.value;
    untracked(() => timelines.follow(ids === '' ? [] : ids.split(' ')));
  });
  effect(() => {
    const id = channelId.value;
    untracked(() => {
      replyTo.value = null;
      const seen = channel.peek();
      if (id === null || !seen) return;
      timelines.open(id, seen.unread);
      try {
        storage.setItem(`charge.last.${me()}.${rooms.details.peek()?.id}`, seen.letter);
      } catch {
        // storage is off: the first channel it is, next time
      }
    });
  });

  /** @param {() => Promise<unknown>} signIn */
  async function comeIn(signIn) {
    await signIn();
    const { name } = route.peek();
    if (name === 'signin' || name === 'register') router.navigate({ name: 'home' }, { replace: true });
  }

  /** @type {Model} */
  const model = {
    app: computed(() => ({ ...session.config.value, guestOf: session.me.value?.guest ? rooms.list.value[0]?.title ?? null : null })),
    ready: session.ready,
    me: session.me,
    route,
    connection: live.view,
    rooms: rooms.list,
    room,
    roomError: rooms.error,
    channel,
    timeline,
    typing: computed(() => {
      const id = channelId.value;
      const users = id === null ? undefined : typing.users.value.get(id);
      return [...(users ?? [])].slice(0, MAX_NAME_GUESSES).flatMap((user) => {
        const name = rooms.members.value.find((m) => m.user === user)?.name ?? timelines.authorName(id ?? '', user);
        return name ? [{ id: user, name }] : [];
      });
    }),
    inviteUrl: actions.inviteUrl,
    notices: notices.shown,
    replyTo,
    draft: (id) => drafts.of(id),
    can: (action) => verdict(action, { me: session.me.value, role: rooms.details.value?.role ?? null, mutedUntil: rooms.mutedUntil.value, now: now() }),

    navigate: (to, options) => router.navigate(to, options),
    signIn: (f) => comeIn(() => session.signIn(f)),
    register: (f) => comeIn(() => session.register(f)),
    joinAsGuest: async (token, name) => actions.goTo(await session.guest(token, name)),
    setup: async (token, { room: title, ...f }) => {
      await session.setup(token, f);
      await actions.createRoom({ title });
    },
    signOut: async () => {
      const done = session.signOut();
      router.navigate({ name: 'home' }, { replace: true });
      await done;
    },
    updateMe: (f) => session.update(f),
    changePassword: (f) => session.changePassword(f),
    becomeAccount: (f) => session.becomeAccount(f),
    deleteAccount: async (f) => {
      await session.deleteAccount(f);
      router.navigate({ name: 'home' }, { replace: true });
    },
    sessions: async () => {
      const answer = await api.get('/api/me/sessions');
      return (Array.isArray(answer?.sessions) ? answer.sessions : []).map((/** @type {any} */ s) => ({
        id: String(s?.id), current: s?.current === true, agent: typeof s?.agent === 'string' ? s.agent : null,
        created_at: String(s?.created_at ?? ''), seen_at: typeof s?.seen_at === 'string' ? s.seen_at : null,
      }));
    },
    endSession: async (id) => { await api.delete(`/api/me/sessions/${encodeURIComponent(id)}`); },

    acceptInvite: (token) => actions.acceptInvite(token),
    previewInvite: (token) => actions.previewInvite(token),
    createRoom: (f) => actions.createRoom(f),
    updateRoom: (f) => actions.updateRoom(f),
    removeRoom: () => actions.removeRoom(),
    leaveRoom: () => actions.leaveRoom(),
    createChannel: (f) => actions.createChannel(f),
    updateChannel: (letter, f) => actions.updateChannel(letter, f),
    removeChannel: (letter) => actions.removeChannel(letter),
    createInvite: (f) => actions.createInvite(f),
    invites: () => actions.invites(),
    revokeInvite: (token) => actions.revokeInvite(token),
    setRole: (user, role) => actions.setRole(user, role),
    removeMember: (user) => actions.removeMember(user),

    send: (text) => {
      const id = channelId.peek();
      if (id === null || text.trim() === '') return;
      const key = outbox?.add({ channel: id, text, reply_to: replyTo.peek()?.seq ?? null });
      const draft = drafts.of(id);
      if (key) {
        typing.sent();
        draft.value = '';
        replyTo.value = null;
      } else {
        notices.add('Too many messages wait to be sent. Discard the failed ones, or wait for the connection.', 'error');
        queueMicrotask(() => { if (draft.peek() === '') draft.value = text; }); // after the composer cleared itself
      }
    },
    retry: (key) => outbox?.retry(key),
    discard: (key) => outbox?.discard(key),
    typed: () => { if (channelId.peek() !== null) typing.mine(channelId.peek() ?? ''); },
    loadOlder: () => timelines.loadOlder(channelId.peek() ?? ''),
    reload: () => timelines.reload(channelId.peek() ?? ''),
    retryRoom: () => { void rooms.refresh(); },
    seen: (seq) => { if (channelId.peek() !== null) reads.seen(channelId.peek() ?? '', seq); },
    reconnectNow: () => {
      wake();
      live.reconnect();
    },
    edit: async (id, text) => { await live.act('edit', { ch: channelId.peek() ?? '', d: { message: id, text } }); },
    remove: async (id) => { await live.act('delete', { ch: channelId.peek() ?? '', d: { message: id } }); },
    react: async (id, emoji, on) => { await live.act(on ? 'react' : 'unreact', { ch: channelId.peek() ?? '', d: { message: id, emoji } }); },
    pin: async (id, on) => { await live.act(on ? 'pin' : 'unpin', { ch: channelId.peek() ?? '', d: { message: id } }); },
    notify: (text, kind) => notices.add(text, kind),
    dismiss: (id) => notices.dismiss(id),
  };

  return {
    model,
    /** Resumes the stored session. */
    boot: () => session.boot(),
    /** Another tab wrote to storage. @param {string | null} key */
    stored: (key) => outbox?.stored(key),
    /** The live connection, for media.js: `request`, `notify`, `on`. */
    wire: live.connection,
    api,
  };
}
