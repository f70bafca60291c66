// The WebSocket client against a scripted server: what it does after every kind of end, and what it makes of frames.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, CommandError, MAX_OUTSTANDING, afterClose, backoff } from '../../static/protocol.js';
import { FakeClock, fakeSockets, jwt, randomFrom, settle } from './fakes.mjs';

/** A connection with its clock and sockets; `options.token` and the rest as usual. */
function rig(options = {}) {
  const clock = new FakeClock();
  const Socket = fakeSockets();
  const states = [];
  const errors = [];
  const connection = new Connection({
    url: 'wss://x/ws', token: async () => 'tok', WebSocket: Socket, random: () => 0.5, now: clock.now, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout,
    onState: (s) => states.push(s), onError: (e) => errors.push(e), ...options,
  });
  return { clock, Socket, states, errors, connection };
}

/** The same, online. */
async function online(options = {}) {
  const r = rig(options);
  r.connection.start();
  await settle();
  r.Socket.last.hello();
  return r;
}

const logEvent = (seq, ch = 'c1', d = { n: seq }) => ({ ev: 'message.new', ch, seq, d });

/** Answers the latest `sub` of a socket with one item. */
async function answerSub(socket, item) {
  const sub = socket.of('sub').at(-1);
  socket.bring({ id: sub.id, ok: [{ ch: 'c1', epoch: 'e1', head: 0, recovered: true, events: [], ...item }] });
  await settle();
}

test('offers the protocol and the credential as subprotocols', async () => {
  const { Socket, states, connection } = await online();
  assert.deepEqual(Socket.last.protocols, ['charge.v1', 'bearer.tok']);
  assert.deepEqual(states.map((s) => s.status), ['connecting', 'online']);
  assert.equal(connection.session.user.id, 'u1');
});

test('signs in with the first frame where the upgrade carried nothing', async () => {
  const { Socket, states, connection } = rig({ token: async () => 'not a token/of rfc9110' });
  connection.start();
  await settle();
  assert.deepEqual(Socket.last.protocols, ['charge.v1']);
  Socket.last.hello({ session: undefined });
  const [auth] = Socket.last.of('auth');
  assert.equal(auth.d.token, 'not a token/of rfc9110');
  assert.equal(states.at(-1).status, 'connecting');
  Socket.last.bring({ id: auth.id, ok: { session: 's2', user: { id: 'u1' } } });
  await settle();
  assert.equal(states.at(-1).status, 'online');
});

test('backoff is 0, 0.3, 1.2, 2.7, 4.8, then 7 s, spread by a quarter', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 99].map((n) => backoff(n, 0.5)), [0, 300, 1200, 2700, 4800, 7000, 7000, 7000]);
  assert.equal(backoff(5, 0), 5250);
  assert.equal(backoff(5, 1), 8750);
});

test('waits longer after each failure, and starts over after a session that lasted', async () => {
  const { clock, Socket, states, connection } = rig();
  connection.start();
  for (const ms of [0, 300, 1200, 2700, 4800, 7000, 7000]) {
    await settle();
    Socket.last.end(1006);
    assert.equal(states.at(-1).retryAt - clock.now(), ms);
    const before = Socket.all.length;
    if (ms > 0) await clock.advance(ms - 1);
    assert.equal(Socket.all.length, before);
    await clock.advance(1);
    assert.equal(Socket.all.length, before + 1);
  }
  Socket.last.hello();
  Socket.last.end(4002); // accepted and thrown out at once: no fresh start, or it would spin
  assert.equal(states.at(-1).retryAt - clock.now(), 7000);
  await clock.advance(7000);
  Socket.last.hello();
  await clock.advance(10_000);
  Socket.last.end(4002);
  assert.equal(states.at(-1).retryAt - clock.now(), 0);
});

test('close codes: 40xx come back, 45xx do not', async () => {
  for (const code of [1000, 1001, 1006, 1011, 4001, 4002, 4003, 4004, 4005, 4006]) assert.equal(afterClose(code).end, false, String(code));
  for (const code of [4501, 4502, 4503, 4505, 4506, 4599]) {
    const { Socket, states, clock } = await online();
    Socket.last.end(code, 'why');
    assert.deepEqual({ ...states.at(-1) }, { status: 'ended', retryAt: null, code, reason: 'why' });
    await clock.advance(120_000);
    assert.equal(Socket.all.length, 1);
  }
});

test('4005 fetches another token first; 4006 waits a minute', async () => {
  const asked = [];
  const { Socket, clock, states } = await online({ token: async (not) => { asked.push(not); return `t${asked.length}`; } });
  Socket.last.end(4005);
  await clock.advance(1);
  assert.deepEqual(asked, [undefined, 't1']);
  assert.deepEqual(Socket.last.protocols, ['charge.v1', 'bearer.t2']);
  Socket.last.hello();
  Socket.last.end(4006);
  assert.equal(states.at(-1).retryAt - clock.now(), 60_000);
  await clock.advance(59_999);
  assert.equal(Socket.all.length, 2);
  await clock.advance(1);
  assert.equal(Socket.all.length, 3);
  assert.equal(asked.at(-1), undefined);
});

test('4500 refreshes once, then gives up; no token at all ends it', async () => {
  const asked = [];
  const { Socket, clock, states, connection } = rig({ token: async (not) => { asked.push(not); return `t${asked.length}`; } });
  connection.start();
  await settle();
  Socket.last.end(4500);
  await clock.advance(1000);
  assert.deepEqual(asked, [undefined, 't1']);
  Socket.last.end(4500, 'bad credential');
  await clock.advance(60_000);
  assert.equal(states.at(-1).status, 'ended');
  assert.equal(states.at(-1).code, 4500);
  assert.equal(Socket.all.length, 2);

  const none = rig({ token: async () => null });
  none.connection.start();
  await settle();
  assert.equal(none.states.at(-1).status, 'ended');
  assert.equal(none.Socket.all.length, 0);
});

test('a token that cannot be fetched, or never comes, is a failed attempt', async () => {
  const { states, connection, clock, Socket } = rig({ token: async () => { throw new Error('no network'); } });
  connection.start();
  await settle();
  assert.equal(states.at(-1).status, 'reconnecting');
  const hung = rig({ token: () => new Promise(() => {}) });
  hung.connection.start();
  await hung.clock.advance(45_000);
  assert.equal(hung.states.at(-1).status, 'reconnecting');
  await clock.advance(0);
  assert.equal(Socket.all.length, 0);
});

test('answers ping with pong, and drops a server that fell silent', async () => {
  const { Socket, clock, states } = await online();
  Socket.last.bring({ ev: 'ping' });
  assert.deepEqual(Socket.last.sent, [{ op: 'pong' }]);
  await clock.advance(42_000);
  assert.equal(states.at(-1).status, 'online');
  Socket.last.bring({ ev: 'ping' });
  await clock.advance(42_499);
  assert.equal(states.at(-1).status, 'online');
  const old = Socket.last;
  await clock.advance(1);
  assert.equal(old.closedWith, 3000); // not 1000 or 1001: a drop, no leave for voice
  assert.equal(Socket.all.length, 2);
  old.bring(logEvent(1)); // what an abandoned socket still brings is not heard
});

test('a server that never says hello is dropped', async () => {
  const { Socket, clock, connection } = rig();
  connection.start();
  await clock.advance(15_000);
  assert.equal(Socket.all[0].closedWith, 3000);
  assert.equal(Socket.all.length, 2);
});

test('an error without a close, as some Node versions leave it, is a drop too', async () => {
  const { Socket, clock, connection, states } = rig();
  connection.start();
  await settle();
  Socket.last.onerror();
  await clock.advance(500);
  assert.equal(states.filter((s) => s.code === 1006).length, 1);
  assert.equal(Socket.all.length, 2);
  Socket.last.onerror(); // where both come, it is one drop
  Socket.last.end(1006);
  await clock.advance(1);
  assert.equal(states.filter((s) => s.code === 1006).length, 2);
});

test('going_away: stays until then, reconnects then, also when closed before', async () => {
  const { Socket, clock, states } = await online();
  Socket.last.bring({ ev: 'going_away', d: { after_ms: 1830 } });
  await clock.advance(1829);
  assert.equal(states.at(-1).status, 'online');
  await clock.advance(1);
  assert.equal(Socket.all.length, 2);
  Socket.last.hello();
  Socket.last.bring({ ev: 'going_away', d: { after_ms: 5000 } });
  await clock.advance(1000);
  Socket.last.end(4001);
  assert.equal(states.at(-1).retryAt - clock.now(), 4000);
});

test('reconnect() tries at once; stop() leaves with 1000 and stays away', async () => {
  const { Socket, clock, connection, states } = await online();
  Socket.last.end(4006);
  connection.reconnect();
  await settle();
  assert.equal(Socket.all.length, 2);
  Socket.last.hello();
  connection.stop();
  assert.equal(Socket.last.closedWith, 1000);
  assert.equal(states.at(-1).status, 'idle');
  await clock.advance(600_000);
  assert.equal(Socket.all.length, 2);
  connection.start();
  await settle();
  assert.equal(Socket.all.length, 3);
});

test('renews the token on the live session before it expires', async () => {
  const start = new FakeClock().now() / 1000;
  const tokens = [jwt(start + 600), jwt(start + 1200)];
  let n = 0;
  const { Socket, clock } = await online({ token: async () => tokens[Math.min(n++, 1)] });
  for (let i = 0; i < 27; i++) { await clock.advance(20_000); Socket.last.bring({ ev: 'ping' }); }
  assert.equal(Socket.all.length, 1);
  const [auth] = Socket.last.of('auth');
  assert.equal(auth.d.token, tokens[1]);
  Socket.last.bring({ id: auth.id, ok: { session: 's1', user: {} } });
  for (let i = 0; i < 29; i++) { await clock.advance(20_000); Socket.last.bring({ ev: 'ping' }); }
  assert.equal(Socket.last.of('auth').length, 1); // the next one is a minute before 1200 s
  await clock.advance(20_001);
  assert.equal(Socket.last.of('auth').length, 2);
});

test('replies find their request; err becomes a CommandError; a late reply is nobody’s', async () => {
  const { Socket, clock, connection } = await online();
  const one = connection.request('edit', { ch: 'c1', d: { message: 'm1', text: 'x' } });
  const two = connection.request('send', { ch: 'c1', d: {} });
  const three = connection.request('pin', { ch: 'c1', d: {}, timeout: 1000 });
  const [a, b, c] = Socket.last.sent;
  Socket.last.bring({ id: b.id, err: { code: 'rate_limited', message: 'slow', retry_ms: 800 } });
  Socket.last.bring({ id: a.id, ok: { seq: 46 } });
  assert.deepEqual(await one, { seq: 46 });
  await assert.rejects(two, (e) => e instanceof CommandError && e.code === 'rate_limited' && e.retryMs === 800);
  const late = assert.rejects(three, { code: 'timeout' });
  await clock.advance(1000);
  await late;
  Socket.last.bring({ id: c.id, ok: {} });
});

test('no more than 32 commands are outstanding; the rest follows in order', async () => {
  const { Socket, connection } = await online();
  const all = Array.from({ length: 100 }, (_, i) => connection.request('send', { ch: 'c1', d: { i } }));
  assert.equal(Socket.last.sent.length, MAX_OUTSTANDING);
  for (let i = 0; i < 100; i++) {
    assert.equal(Socket.last.sent[i].d.i, i);
    assert.ok(Socket.last.sent.length - i <= MAX_OUTSTANDING);
    Socket.last.bring({ id: Socket.last.sent[i].id, ok: i });
  }
  assert.deepEqual(await Promise.all(all), Array.from({ length: 100 }, (_, i) => i));
});

test('a runaway caller is refused, an oversized frame too, and a drop rejects all', async () => {
  const { Socket, connection } = await online();
  const results = Array.from({ length: 600 }, () => connection.request('x', {}).catch((e) => e.code));
  await settle();
  Socket.last.end(4001);
  const codes = await Promise.all(results);
  assert.equal(codes.filter((c) => c === 'busy').length, 600 - 512 - MAX_OUTSTANDING);
  assert.equal(codes.filter((c) => c === 'disconnected').length, 512 + MAX_OUTSTANDING);
  await assert.rejects(connection.request('x'), { code: 'disconnected' });
  const big = await online();
  await assert.rejects(big.connection.request('send', { ch: 'c1', d: { text: 'ä'.repeat(20_000) } }), { code: 'too_large' });
  assert.equal(big.Socket.last.sent.length, 0);
});

test('a new subscription starts at the head and drops what it has', async () => {
  const { Socket, connection } = await online();
  const got = [];
  connection.subscribe('c1', { onEvent: (e) => got.push(e.seq) });
  assert.deepEqual(Socket.last.of('sub')[0].d, [{ ch: 'c1' }]);
  Socket.last.bring(logEvent(41)); // raced ahead of the answer
  Socket.last.bring(logEvent(42));
  await answerSub(Socket.last, { head: 41 });
  Socket.last.bring(logEvent(42));
  Socket.last.bring(logEvent(43));
  assert.deepEqual(got, [42, 43]);
  assert.throws(() => connection.subscribe('c1', { onEvent() {} }));
});

test('after a drop it resumes each channel where it was', async () => {
  const { Socket, clock, connection } = await online();
  const got = [];
  connection.subscribe('c1', { epoch: 'e1', after: 5, onEvent: (e) => got.push(e.seq), onReset: () => assert.fail('reset') });
  assert.deepEqual(Socket.last.of('sub')[0].d, [{ ch: 'c1', epoch: 'e1', after: 5 }]);
  await answerSub(Socket.last, { head: 7, events: [logEvent(6), logEvent(7)] });
  Socket.last.end(4001);
  await clock.advance(1);
  Socket.last.hello();
  assert.deepEqual(Socket.last.of('sub')[0].d, [{ ch: 'c1', epoch: 'e1', after: 7 }]);
  Socket.last.bring(logEvent(10));
  await answerSub(Socket.last, { head: 9, events: [logEvent(7), logEvent(8), logEvent(9)] });
  assert.deepEqual(got, [6, 7, 8, 9, 10]);
});

test('a missing seq is asked for before anything later is handed over', async () => {
  const { Socket, connection } = await online();
  const got = [];
  connection.subscribe('c1', { epoch: 'e1', after: 0, onEvent: (e) => got.push(e.seq) });
  await answerSub(Socket.last, { head: 0 });
  for (const seq of [1, 2, 4, 5]) Socket.last.bring(logEvent(seq));
  assert.deepEqual(got, [1, 2]);
  assert.deepEqual(Socket.last.of('sub').at(-1).d, [{ ch: 'c1', epoch: 'e1', after: 2 }]);
  await answerSub(Socket.last, { head: 5, events: [logEvent(3), logEvent(4), logEvent(5)] });
  Socket.last.bring(logEvent(6));
  assert.deepEqual(got, [1, 2, 3, 4, 5, 6]);
});

test('a gap that the server never fills ends in a reset, not in a loop', async () => {
  const { Socket, connection } = await online();
  const got = [];
  const resets = [];
  connection.subscribe('c1', { epoch: 'e1', after: 0, onEvent: (e) => got.push(e.seq), onReset: (r) => resets.push(r) });
  await answerSub(Socket.last, { head: 0 });
  Socket.last.bring(logEvent(3));
  for (let i = 0; i < 10; i++) await answerSub(Socket.last, { head: 0 });
  assert.equal(resets.length, 1);
  assert.ok(Socket.last.of('sub').length <= 5);
  Socket.last.bring(logEvent(4));
  assert.deepEqual(got, [4]);
});

test('a gap beyond `sub` is read from /sync in pages while live events wait', async () => {
  const asked = [];
  const sync = async (ch, q) => {
    asked.push(q);
    const events = Array.from({ length: Math.min(q.limit, 750 - q.after) }, (_, i) => logEvent(q.after + 1 + i));
    return { events, head: 750, epoch: 'e1', has_more: q.after + q.limit < 750 };
  };
  const { Socket, connection } = await online({ sync });
  const got = [];
  connection.subscribe('c1', { epoch: 'e1', after: 100, onEvent: (e) => got.push(e.seq), onReset: () => assert.fail('reset') });
  await answerSub(Socket.last, { head: 750, recovered: false, events: [] });
  Socket.last.bring(logEvent(751));
  await settle();
  await settle();
  assert.equal(asked.length, 7);
  assert.deepEqual(got, Array.from({ length: 651 }, (_, i) => 101 + i));
});

test('too large a gap, another epoch and a shorter log are resets; /sync failing is tried again', async () => {
  for (const [item, why] of [[{ head: 5000, recovered: false }, 'gap'], [{ epoch: 'e2', head: 3 }, 'epoch'], [{ epoch: 'e2', head: 101, events: [logEvent(101)] }, 'epoch'], [{ head: 2 }, 'epoch']]) {
    const { Socket, connection } = await online({ sync: async () => assert.fail('sync') });
    const resets = [];
    const got = [];
    connection.subscribe('c1', { epoch: 'e1', after: 100, onEvent: (e) => got.push(e.seq), onReset: (r) => resets.push(r) });
    await answerSub(Socket.last, item);
    assert.deepEqual(resets, [{ epoch: item.epoch ?? 'e1', head: item.head, why }]);
    Socket.last.bring(logEvent(item.head + 1));
    assert.deepEqual(got, [item.head + 1]);
  }
  let tries = 0;
  const { Socket, clock, connection } = await online({ sync: async () => { tries++; throw new Error('503'); } });
  const resets = [];
  connection.subscribe('c1', { epoch: 'e1', after: 0, onEvent() {}, onReset: (r) => resets.push(r.why) });
  await answerSub(Socket.last, { head: 400, recovered: false });
  await clock.advance(20_000);
  assert.equal(tries, 3);
  assert.deepEqual(resets, ['gap']);
});

test('a stream that left events out says so, and goes on', async () => {
  const { Socket, connection } = await online();
  const got = [];
  connection.subscribe('c1', { epoch: 'e1', after: 1, onEvent: (e) => got.push([e.ev, e.seq]) });
  await answerSub(Socket.last, { head: 1 });
  Socket.last.bring({ ev: 'skipped', ch: 'c1', d: { from: 2, to: 90 } });
  Socket.last.bring(logEvent(91));
  assert.deepEqual(got, [['skipped', 90], ['message.new', 91]]);
});

test('one hidden channel does not take the others with it', async () => {
  const { Socket, connection } = await online();
  const gone = [];
  const live = [];
  connection.stop();
  for (const ch of ['c1', 'c2', 'c3']) connection.subscribe(ch, { onEvent() {}, onGone: (code) => gone.push([ch, code]), onLive: () => live.push(ch) });
  connection.start();
  await settle();
  Socket.last.hello();
  Socket.last.bring({ id: Socket.last.of('sub')[0].id, err: { code: 'not_found', message: '' } });
  await settle();
  const singles = Socket.last.of('sub').slice(1);
  assert.equal(singles.length, 3);
  for (const s of singles) {
    const [{ ch }] = s.d;
    Socket.last.bring(ch === 'c2' ? { id: s.id, err: { code: 'not_found', message: '' } } : { id: s.id, ok: [{ ch, epoch: 'e', head: 0, recovered: true, events: [] }] });
  }
  await settle();
  assert.deepEqual(gone, [['c2', 'not_found']]);
  assert.deepEqual(live, ['c1', 'c3']);
});

test('a closed subscription hears nothing, and its channel can be subscribed again', async () => {
  const { Socket, connection } = await online();
  const got = [];
  const first = connection.subscribe('c1', { onEvent: (e) => got.push(['first', e.seq]) });
  first.close();
  connection.subscribe('c1', { epoch: 'e1', after: 3, onEvent: (e) => got.push(['second', e.seq]) });
  const [a, b] = Socket.last.of('sub');
  Socket.last.bring({ id: a.id, ok: [{ ch: 'c1', epoch: 'e1', head: 9, recovered: true, events: [] }] });
  Socket.last.bring({ id: b.id, ok: [{ ch: 'c1', epoch: 'e1', head: 4, recovered: true, events: [logEvent(4)] }] });
  await settle();
  assert.deepEqual(got, [['second', 4]]);
});

test('a callback that throws is reported and harms nothing', async () => {
  const { Socket, connection, errors } = await online();
  connection.on('presence', () => { throw new Error('mine'); });
  const seen = [];
  connection.on('*', (e) => seen.push(e.ev));
  Socket.last.bring({ ev: 'presence', d: { room: 'r' } });
  assert.deepEqual(seen, ['presence']);
  assert.equal(errors[0].message, 'mine');
});

test('hostile frames are ignored: nothing throws, the session lives', async () => {
  const { Socket, connection, errors } = await online();
  const got = [];
  connection.subscribe('c1', { epoch: 'e1', after: 0, onEvent: (e) => got.push(e.seq) });
  await answerSub(Socket.last, { head: 0, events: [null, 5, { ev: 3 }, { ev: 'x', seq: 'y' }, { ev: 'x', seq: -1 }, { ev: 'x', seq: 1.5 }] });
  const random = randomFrom(7);
  const atoms = [null, true, 0, -1, 1.5, 1e300, '', 'x', 'c1', '__proto__', [], {}, [[]], { code: 1 }, { from: 'a', to: {} }, { v: 2 }, { after_ms: 'soon' }];
  const pick = (list) => list[Math.floor(random() * list.length)];
  const names = ['ping', 'message.new', 'typing', 'presence', 'skipped', 'subscribed', 'unknown.thing', '__proto__', 'constructor', '*'];
  for (let i = 0; i < 3000; i++) {
    const frame = {};
    if (random() < 0.6) frame.ev = random() < 0.8 ? pick(names) : pick(atoms);
    if (random() < 0.4) frame.id = pick([...atoms, 1, 2, 3]);
    for (const k of ['ch', 'seq', 'd', 'ok', 'err']) if (random() < 0.5) frame[k] = pick(atoms);
    if (frame.seq === 0 || frame.seq === 1e300) delete frame.seq;
    Socket.last.bring(frame);
  }
  for (const text of ['', '{', 'null', '[]', '1', '"x"', '{"ev":', '\u0000', '['.repeat(5000)]) Socket.last.bring(text);
  Socket.last.onmessage({ data: new ArrayBuffer(8) });
  Socket.last.bring(logEvent(1));
  Socket.last.hello(); // a second hello changes nothing
  await settle();
  assert.deepEqual(got, [1]);
  assert.deepEqual(errors, []);
  assert.equal(Socket.all.length, 1);
  const ping = connection.request('x');
  Socket.last.bring({ id: Socket.last.of('x')[0].id, ok: 1 });
  assert.equal(await ping, 1);
});

test('exactly once, in order, over a server that drops, doubles, delays and closes at random', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomFrom(seed);
    const log = [];
    const Socket = fakeSockets(
      (socket, frame) => {
        if (frame.op !== 'sub') return;
        queueMicrotask(() => {
          const [{ ch, after }] = frame.d;
          const missing = log.slice(after ?? log.length);
          const recovered = missing.length <= 30;
          socket.bring({ id: frame.id, ok: [{ ch, epoch: 'e1', head: log.length, recovered, events: recovered ? missing : [] }] });
        });
      },
      (socket) => queueMicrotask(() => socket.hello()),
    );
    const clock = new FakeClock();
    const got = [];
    const connection = new Connection({
      url: 'ws://x', token: async () => 't', WebSocket: Socket, random, now: clock.now, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout,
      sync: async (_, { after, limit }) => ({ events: log.slice(after, after + limit), head: log.length, epoch: 'e1', has_more: log.length > after + limit }),
    });
    connection.subscribe('c1', { epoch: 'e1', after: 0, onEvent: (e) => got.push(e.seq), onReset: () => assert.fail('reset') });
    connection.start();
    for (let step = 0; step < 120; step++) {
      const event = logEvent(log.length + 1);
      log.push(event);
      const dice = random();
      if (dice < 0.75) Socket.last?.bring(event);
      if (dice < 0.2) Socket.last?.bring(log[Math.floor(random() * log.length)]);
      if (dice > 0.95) Socket.last?.end(4001);
      if (random() < 0.5) await clock.advance(random() * 400);
    }
    await clock.advance(10_000);
    log.push(logEvent(log.length + 1));
    Socket.last.bring(log.at(-1)); // shows any gap that is left
    await clock.advance(1000);
    assert.deepEqual(got, log.map((e) => e.seq), `seed ${seed}`);
  }
});

test('a closed subscription tells the server, a detached one has nobody to tell', async () => {
  const { Socket, connection } = await online();
  const subscription = connection.subscribe('c1', { onEvent: () => {} });
  await answerSub(Socket.last, { head: 3 });
  subscription.close();
  assert.deepEqual(Socket.last.of('unsub').map((c) => c.d), [['c1']]);
  subscription.close();
  assert.equal(Socket.last.of('unsub').length, 1);
  const other = connection.subscribe('c2', { onEvent: () => {} });
  Socket.last.end(4001);
  other.close();
  assert.equal(Socket.last.of('unsub').length, 1);
});
