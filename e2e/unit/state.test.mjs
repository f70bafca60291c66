// The model as the views see it, against a server in memory: reloads, drops, drafts, unread counts, other people's acts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel } from '../../static/state/model.js';
import { FakeClock, FakeStorage, settle, timeOf } from './fakes.mjs';
import { FakeServer } from './server.mjs';

/** Opens a page at `path`; `shared` carries what outlives a page. */
async function page(path, shared = {}) {
  const server = shared.server ?? new FakeServer();
  const clock = shared.clock ?? new FakeClock();
  const storage = shared.storage ?? new FakeStorage();
  const location = { pathname: path, hash: '' };
  const go = (_, __, url) => { location.pathname = url; };
  const { model, boot, api } = createModel({
    origin: 'http://x', surroundings: { location, history: { pushState: go, replaceState: go }, addEventListener() {} },
    storage, locks: null, channel: null, fetch: server.fetch, WebSocket: server.Socket,
    now: clock.now, random: () => 0.5, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout,
  });
  const booted = boot();
  await pass(clock, shared.wait ?? 1000);
  return { server, clock, storage, location, model, booted, api, shared: { server, clock, storage } };
}

/** Lets time pass in steps, so that answers find their way between timers. */
async function pass(clock, ms) {
  for (let i = 0; i < 10; i++) {
    await settle();
    await clock.advance(ms / 10);
  }
  await settle();
}

const texts = (model) => model.timeline.value.messages.map((m) => m.text);
const pending = (model) => model.timeline.value.pending.map((p) => [p.text, p.state]);

test('resumes the session: room, channel and messages are there when it is ready', async () => {
  const server = new FakeServer();
  for (let i = 1; i <= 60; i++) server.say('den-a', `m${i}`);
  const p = await page('/r/den/a', { server });
  await p.booted;
  const { model } = p;
  assert.equal(model.ready.value, true);
  assert.equal(model.me.value.username, 'ada');
  assert.equal(model.app.value.registration, 'invite');
  assert.equal(model.room.value.title, 'The Den');
  assert.equal(model.channel.value.letter, 'a');
  assert.equal(model.connection.value.status, 'online');
  assert.equal(model.timeline.value.phase, 'ready');
  assert.equal(texts(model).length, 50);
  await model.loadOlder();
  assert.deepEqual(texts(model), Array.from({ length: 60 }, (_, i) => `m${i + 1}`));
  assert.equal(model.timeline.value.hasOlder, false);
});

test('nobody signed in: ready, and nothing more', async () => {
  const server = new FakeServer();
  server.signedIn = false;
  const { model } = await page('/', { server });
  assert.deepEqual([model.ready.value, model.me.value, model.connection.value.status], [true, null, 'idle']);
  assert.equal(server.Socket.all.length, 0);
});

test('a server that is away at the start is waited for', async () => {
  const server = new FakeServer();
  server.reachable = false;
  const { model, clock } = await page('/r/den', { server });
  assert.equal(model.ready.value, false);
  assert.equal(model.connection.value.status, 'reconnecting');
  assert.ok(model.connection.value.retryAt > clock.now() - 1000);
  server.reachable = true;
  await pass(clock, 5000);
  assert.equal(model.ready.value, true);
  assert.equal(model.room.value.slug, 'den');
});

test('a message goes out once and stands once, with its reply', async () => {
  const { server, model, clock } = await page('/r/den/a');
  server.say('den-a', 'hello');
  model.replyTo.value = model.timeline.value.messages[0];
  model.draft('den-a').value = 'hi Bo';
  model.send('hi Bo');
  assert.deepEqual(pending(model), [['hi Bo', 'sending']]);
  assert.equal(model.draft('den-a').value, '');
  assert.equal(model.replyTo.value, null);
  await pass(clock, 100);
  assert.deepEqual(texts(model), ['hello', 'hi Bo']);
  assert.equal(model.timeline.value.messages[1].reply_to, 1);
  assert.deepEqual(pending(model), []);
});

test('an event that overtakes its ok does not show the message twice', async () => {
  const { server, model, clock } = await page('/r/den/a');
  server.hold = 'answers';
  model.send('once');
  await pass(clock, 100);
  assert.deepEqual([texts(model), pending(model)], [['once'], []]);
  server.hold = null;
  server.Socket.last.end(4001); // the answer is lost for good
  await pass(clock, 5000);
  assert.deepEqual([texts(model), pending(model)], [['once'], []]);
  assert.equal(server.channels.get('den-a').log.length, 1);
});

test('what is typed while the server restarts, or before a reload, is not lost and not doubled', async () => {
  const first = await page('/r/den/a');
  first.server.reachable = false;
  first.server.Socket.last.end(4001);
  await pass(first.clock, 100);
  assert.equal(first.model.connection.value.status, 'reconnecting');
  first.model.send('one');
  first.model.send('two');
  assert.deepEqual(pending(first.model), [['one', 'queued'], ['two', 'queued']]);
  first.server.reachable = true;
  const second = await page('/r/den/a', { ...first.shared, wait: 3000 });
  assert.deepEqual([texts(second.model), pending(second.model)], [['one', 'two'], []]);
  assert.deepEqual(first.server.messages('den-a').map((m) => m.text), ['one', 'two']);
});

test('a refused message says why, and can be retried or discarded', async () => {
  const { server, model, clock } = await page('/r/den/a');
  server.refuse = 'forbidden';
  model.send('a');
  model.send('b');
  await pass(clock, 100);
  assert.deepEqual(pending(model), [['a', 'failed'], ['b', 'failed']]);
  const [a, b] = model.timeline.value.pending;
  assert.match(a.error, /may not/);
  model.discard(a.key);
  server.refuse = null;
  model.retry(b.key);
  await pass(clock, 100);
  assert.deepEqual([texts(model), pending(model)], [['b'], []]);
});

test('a drop is made good: missed messages and edits appear, each once', async () => {
  const { server, model, clock } = await page('/r/den/a');
  server.say('den-a', 'one');
  server.Socket.last.end(4002);
  server.commit('den-a', 'message.edit', { message: 'den-a-m1', text: 'ONE', edited_at: timeOf(9), by: 'u2' });
  server.say('den-a', 'two');
  await pass(clock, 3000);
  assert.equal(model.connection.value.status, 'online');
  assert.deepEqual(texts(model), ['ONE', 'two']);
});

test('a restored backup: the cache is dropped and history is loaded again', async () => {
  const { server, model, clock } = await page('/r/den/a');
  for (const t of ['a', 'b', 'c']) server.say('den-a', t);
  const phases = [];
  model.timeline.subscribe((t) => phases.push([t.phase, t.messages.length]));
  server.epoch = 'e2';
  server.channels.get('den-a').log.length = 2;
  server.Socket.last.end(1006);
  await pass(clock, 3000);
  assert.deepEqual(texts(model), ['a', 'b']);
  assert.ok(phases.some(([phase, n]) => phase === 'gap' && n === 3), 'what was there stays on the screen meanwhile');
  server.say('den-a', 'd');
  assert.deepEqual(texts(model), ['a', 'b', 'd']);
});

test('unread dots and mentions for the other channels; reading moves the marker, once a second', async () => {
  const server = new FakeServer();
  server.addChannel(server.rooms[0], 'c', 'random', 'text');
  server.members.push({ user: 'u3', name: 'Cy', username: 'cy', role: 'admin' });
  server.say('den-c', 'before');
  const { model, clock } = await page('/r/den/a', { server });
  const random = () => model.room.value.channels.find((c) => c.letter === 'c');
  assert.equal(random().unread, 1);
  server.say('den-c', 'x @here'); // Bo is a member and may not call everybody
  server.say('den-c', 'y', { mentions: ['u1'] });
  server.say('den-c', 'z @here', { author: { id: 'u3', name: 'Cy' } });
  server.say('den-c', 'mine', { author: { id: 'u1', name: 'Ada' } });
  assert.deepEqual([random().unread, random().mentions], [4, 2]);
  model.navigate({ name: 'room', slug: 'den', letter: 'c' });
  await pass(clock, 100);
  assert.equal(model.timeline.value.newSince, 1);
  const socket = server.Socket.last;
  for (const seq of [2, 3, 5, 4]) model.seen(seq);
  assert.equal(random().unread, 0);
  await pass(clock, 3000);
  assert.deepEqual(socket.of('read').map((f) => f.d.upto), [2, 5]);
  assert.equal(server.channels.get('den-c').read, 5);
  server.tell('read', { ch: 'den-c', upto: 3, unread: 1, mentions: 1 });
  assert.equal(random().unread, 0, 'a marker never moves back');
  server.say('den-c', 'new');
  assert.equal(random().unread, 1);
  server.tell('read', { ch: 'den-c', upto: 6, unread: 0, mentions: 0 });
  assert.equal(random().unread, 0, 'read on another device');
});

test('the line above what is new is drawn once, where reading stopped', async () => {
  const server = new FakeServer();
  for (let i = 1; i <= 8; i++) server.say('den-a', `m${i}`);
  server.channels.get('den-a').read = 5;
  const { model } = await page('/r/den/a', { server });
  assert.deepEqual([model.timeline.value.newSince, model.timeline.value.newSinceAt], [6, timeOf(6)]);
  model.seen(8);
  server.say('den-a', 'm9');
  assert.equal(model.timeline.value.newSince, 6);
});

test('typing: others are shown for six seconds or until they speak; mine is told every three', async () => {
  const { server, model, clock } = await page('/r/den/a');
  server.tell('typing', { user: 'u2' }, 'den-a');
  server.tell('typing', { user: 'u1' }, 'den-a');
  assert.deepEqual(model.typing.value, [{ id: 'u2', name: 'Bo' }]);
  server.say('den-a', 'done');
  assert.deepEqual(model.typing.value, []);
  server.tell('typing', { user: 'u2' }, 'den-a');
  await clock.advance(5999);
  assert.equal(model.typing.value.length, 1);
  await clock.advance(1);
  assert.equal(model.typing.value.length, 0);
  const { length } = server.Socket.last.of('typing');
  for (let i = 0; i < 31; i++) { model.typed(); await clock.advance(100); }
  assert.equal(server.Socket.last.of('typing').length - length, 2);
});

test('presence: the state, its diffs, and counts alone above the limit', async () => {
  const { server, model } = await page('/r/den/a');
  server.tell('presence.state', { room: 'r-den', online: [{ user: 'u1', status: 'online' }, { user: 'u2', status: 'idle' }] });
  assert.deepEqual([...model.room.value.presence], [['u1', 'online'], ['u2', 'idle']]);
  server.tell('presence', { room: 'r-den', joined: [{ user: 'u3', status: 'dnd' }, 'u4'], left: ['u2'] });
  assert.deepEqual([[...model.room.value.presence.keys()], model.room.value.onlineCount], [['u1', 'u3', 'u4'], 3]);
  server.tell('presence', { room: 'r-den', joined: [{ user: 'u4', status: 'offline' }], left: [{ user: 'u3', status: 'offline' }] });
  assert.deepEqual([[...model.room.value.presence.keys()], model.room.value.onlineCount], [['u1'], 1], 'offline is not online, in whichever list');
  server.tell('presence.state', { room: 'r-den', online: [{ user: 'u1', status: 'online' }, { user: 'u2', status: 'offline' }] });
  assert.deepEqual([[...model.room.value.presence.keys()], model.room.value.onlineCount], [['u1'], 1]);
  server.tell('presence', { room: 'r-den', count: 140 });
  assert.equal(model.room.value.onlineCount, 140);
});

test('members and channels come, change and go', async () => {
  const { server, model, clock } = await page('/r/den/a');
  server.tell('member.joined', { room: 'r-den', user: 'u3', name: 'Cy', role: 'member' });
  server.tell('member.changed', { room: 'r-den', user: 'u2', name: 'Bo', role: 'admin' });
  assert.deepEqual(model.room.value.members.map((m) => [m.name, m.role]), [['Ada', 'owner'], ['Bo', 'admin'], ['Cy', 'member']]);
  server.tell('member.left', { room: 'r-den', user: 'u2' });
  assert.deepEqual(model.room.value.members.map((m) => m.name), ['Ada', 'Cy']);
  const c = server.addChannel(server.rooms[0], 'c', 'random', 'text');
  server.tell('channel.new', { ...server.view(c), room: 'r-den' });
  await pass(clock, 100);
  server.say('den-c', 'first'); // the new channel is followed at once
  assert.equal(model.room.value.channels.find((x) => x.letter === 'c').unread, 1);
  server.tell('channel.changed', { ...server.view(c), name: 'chatter', unread: 0 });
  assert.deepEqual([model.room.value.channels[2].name, model.room.value.channels[2].unread], ['chatter', 1]);
  model.navigate({ name: 'room', slug: 'den', letter: 'c' });
  server.tell('channel.gone', { id: 'den-c', letter: 'c' });
  assert.deepEqual(model.route.value, { name: 'room', slug: 'den', letter: null });
  assert.equal(model.channel.value.letter, 'a');
  assert.equal(model.notices.value.length, 1);
});

test('being removed says so and leads home; leaving oneself is no news', async () => {
  const { server, model, clock, location } = await page('/r/den/a');
  server.addRoom('two', 'Two');
  server.tell('room.removed', { room: 'r-den', reason: 'banned' });
  assert.equal(location.pathname, '/');
  assert.match(model.notices.value[0].text, /banned from “The Den”/);
  assert.equal(model.room.value, null);
  model.dismiss(model.notices.value[0].id);
  await model.acceptInvite('tok').catch(() => {});
  model.navigate({ name: 'room', slug: 'two', letter: null });
  await pass(clock, 1000);
  const gone = model.leaveRoom();
  server.tell('room.removed', { room: 'r-two', reason: 'left' });
  await gone;
  assert.equal(model.route.value.name, 'home');
  assert.deepEqual(model.notices.value, []);
});

test('drafts outlive a reload and belong to a channel; signing out leaves nothing here', async () => {
  const first = await page('/r/den/a');
  first.model.draft('den-a').value = 'half a thou';
  const second = await page('/r/den/a', first.shared);
  assert.equal(second.model.draft('den-a').value, 'half a thou');
  second.server.reachable = true;
  await second.model.signOut();
  assert.equal(second.model.me.value, null);
  assert.equal(second.model.room.value, null);
  assert.equal(second.location.pathname, '/');
  assert.deepEqual([...second.storage.map.keys()].filter((k) => !k.startsWith('charge.last')), []);
  const third = await page('/r/den/a', second.shared);
  assert.equal(third.model.me.value, null);
});

test('a sign-out while offline holds after a reload', async () => {
  const first = await page('/r/den/a');
  first.server.reachable = false;
  await first.model.signOut();
  assert.equal(first.server.signedIn, true);
  first.server.reachable = true;
  const second = await page('/r/den/a', first.shared);
  assert.equal(second.model.me.value, null);
  assert.equal(second.server.signedIn, false);
});

test('a room that is not mine is an error; a new one is gone to, by letter', async () => {
  const { server, model, clock, location } = await page('/r/nope');
  assert.deepEqual([model.roomError.value.code, model.room.value, model.timeline.value], ['not_found', null, null]);
  const made = model.createRoom({ title: 'Made', slug: 'made' });
  await pass(clock, 500);
  await made;
  assert.equal(location.pathname, '/r/made/a');
  assert.deepEqual([model.roomError.value, model.channel.value.name], [null, 'general']);
  const inviting = model.createInvite();
  await pass(clock, 100);
  await inviting;
  assert.equal(model.inviteUrl.value, 'http://x/i/inv1');
  model.navigate({ name: 'room', slug: 'den', letter: null });
  await pass(clock, 500);
  assert.equal(model.inviteUrl.value, null);
  server.say('den-a', 'here'); // the channels of the room on the screen are the ones that are followed
  assert.deepEqual(texts(model), ['here']);
  model.navigate({ name: 'room', slug: 'made', letter: 'a' });
  server.say('den-a', 'away');
  await pass(clock, 500);
  model.navigate({ name: 'room', slug: 'den', letter: 'a' });
  await pass(clock, 500);
  assert.deepEqual(texts(model), ['here', 'away']);
});

test('signing in from its page goes home, a guest goes to the room, settings keep what they do not know', async () => {
  const server = new FakeServer();
  server.signedIn = false;
  const { model, clock, location } = await page('/signin', { server });
  const signIn = model.signIn({ username: 'ada', password: 'x' });
  await pass(clock, 1000);
  await signIn;
  assert.equal(location.pathname, '/');
  assert.equal(model.connection.value.status, 'online');
  const update = model.updateMe({ settings: { theme: 'dark' } });
  assert.equal(model.me.value.settings.theme, 'dark');
  await update;
  assert.deepEqual(server.me.settings, { density: 'cosy', unknown: 1, theme: 'dark' });
  const guests = new FakeServer();
  guests.signedIn = false;
  guests.me = { ...guests.me, guest: true };
  const guest = await page('/i/tok', { server: guests });
  const join = guest.model.joinAsGuest('tok', 'Guest');
  await pass(guest.clock, 1000);
  await join;
  assert.equal(guest.location.pathname, '/r/den/a');
  assert.equal(guest.model.app.value.guestOf, 'The Den');
  assert.equal(guest.model.can('create_room').ok, false);
});

test('setup brings its token to the registration, and again to claim the server', async () => {
  const server = new FakeServer();
  server.signedIn = false;
  const { model, clock, location } = await page('/setup', { server });
  const setup = model.setup('one-time', { username: 'ada', password: 'x', room: 'Made' });
  await pass(clock, 1000);
  await setup;
  const asked = (path) => server.calls.filter((c) => c.path === path).map(({ body }) => body);
  assert.deepEqual(asked('/api/auth/register'), [{ username: 'ada', password: 'x', setup: 'one-time', cookie: true }]);
  assert.deepEqual(asked('/api/setup'), [{ token: 'one-time' }]);
  assert.equal(location.pathname, '/r/made/a');
});

test('the session ending elsewhere clears the screen', async () => {
  const { server, model, clock, api } = await page('/r/den/a');
  server.signedIn = false;
  server.Socket.last.end(4500);
  await pass(clock, 5000);
  assert.equal(model.me.value, null);
  assert.equal(api.access, null);
  assert.equal(model.timeline.value, null);
});

test('nothing falls between the history page and the first subscription', async () => {
  const server = new FakeServer();
  server.say('den-a', 'old');
  const { hello } = server.Socket.prototype;
  server.Socket.prototype.hello = function () { server.greet = () => hello.call(this, { user: server.me }); };
  const { model, clock } = await page('/r/den/a', { server });
  assert.deepEqual([texts(model), model.connection.value.status], [['old'], 'connecting']);
  server.say('den-a', 'between');
  server.greet();
  await pass(clock, 500);
  assert.deepEqual(texts(model), ['old', 'between']);
});

test('an event that the room details already counted is not counted again', async () => {
  const server = new FakeServer();
  const c = server.addChannel(server.rooms[0], 'c', 'random', 'text');
  const { model, clock } = await page('/r/den/a', { server });
  const socket = server.Socket.last;
  socket.subs.delete('den-c'); // its events are late
  server.say('den-c', 'late');
  model.retryRoom();
  await pass(clock, 500);
  const unread = () => model.room.value.channels.find((x) => x.letter === 'c').unread;
  assert.equal(unread(), 1);
  socket.bring(c.log[0]);
  assert.equal(unread(), 1);
});
