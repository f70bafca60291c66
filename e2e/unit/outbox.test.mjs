// The outbox: nothing typed is lost or doubled, whatever happens to the connection, the page or the other tab.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_ENTRIES, Outbox, uuid } from '../../static/outbox.js';
import { FakeClock, FakeLocks, FakeStorage, randomFrom, settle } from './fakes.mjs';

const fail = (code, more = {}) => Object.assign(new Error(code), { code, retryMs: null, ...more });

/** An outbox whose server is `send`. */
function rig(send, shared = {}) {
  const clock = shared.clock ?? new FakeClock();
  const storage = shared.storage ?? new FakeStorage();
  const sent = [];
  let n = shared.first ?? 0;
  const outbox = new Outbox({
    user: 'u1', storage, locks: shared.locks ?? null, send, now: clock.now, random: () => 0, setTimeout: clock.setTimeout,
    uuid: () => `k${++n}`, onChange() {}, onSent: (entry, ok) => sent.push([entry.key, ok]),
  });
  const say = (text, channel = 'c1') => outbox.add({ channel, text, reply_to: null });
  const list = (channel = 'c1') => outbox.list(channel).map((p) => [p.text, p.state]);
  return { outbox, clock, storage, sent, say, list };
}

test('sends in order, one at a time per channel, and forgets what was acknowledged', async () => {
  const flying = [];
  let most = 0;
  const { outbox, say, list, sent, storage } = rig((e) => new Promise((ok) => {
    flying.push({ e, ok });
    most = Math.max(most, flying.filter((f) => f.e.channel === 'c1').length);
  }));
  outbox.connected(true);
  for (const t of ['a', 'b', 'c']) say(t);
  say('z', 'c2');
  await settle();
  assert.deepEqual(flying.map((f) => f.e.text), ['a', 'z']);
  assert.deepEqual(list(), [['a', 'sending'], ['b', 'queued'], ['c', 'queued']]);
  while (flying.length > 0) {
    flying.shift().ok({ seq: 1 });
    await settle();
  }
  assert.equal(most, 1);
  assert.deepEqual(sent.map(([k]) => k), ['k1', 'k4', 'k2', 'k3']);
  assert.equal(storage.length, 0);
});

test('what is typed offline survives a reload and goes out once, with its key', async () => {
  const before = rig(async () => assert.fail('offline'));
  before.say('one');
  before.say('two');
  before.outbox.close();
  const got = [];
  const after = rig(async (e) => { got.push([e.key, e.text]); return {}; }, { storage: before.storage });
  assert.deepEqual(after.list(), [['one', 'queued'], ['two', 'queued']]);
  after.outbox.connected(true);
  await settle();
  assert.deepEqual(got, [['k1', 'one'], ['k2', 'two']]);
});

test('a lost answer is asked for again with the same key, after the reconnect and not before', async () => {
  const keys = [];
  let up = false;
  const { outbox, say, list, clock, sent } = rig(async (e) => {
    keys.push(e.key);
    if (!up) throw fail('disconnected');
    return { seq: 9, duplicate: true };
  });
  outbox.connected(true);
  say('hi');
  await clock.advance(60_000);
  assert.deepEqual(keys, ['k1']);
  assert.deepEqual(list(), [['hi', 'queued']]);
  up = true;
  outbox.connected(true);
  await settle();
  assert.deepEqual(keys, ['k1', 'k1']);
  assert.equal(sent.length, 1);
});

test('rate_limited waits as long as it was told, and keeps the order', async () => {
  const tries = [];
  let limited = 2;
  const { outbox, say, clock } = rig(async (e) => {
    tries.push([e.text, clock.now()]);
    if (limited-- > 0) throw fail('rate_limited', { retryMs: 800 });
    return {};
  });
  outbox.connected(true);
  say('a');
  say('b');
  await clock.advance(10_000);
  const start = tries[0][1];
  assert.deepEqual(tries.map(([t, at]) => [t, at - start]), [['a', 0], ['a', 800], ['a', 1600], ['b', 1600]]);
});

test('timeouts and an unavailable server are tried again, further and further apart', async () => {
  const at = [];
  const { outbox, say, clock } = rig(async () => { at.push(clock.now()); throw fail(at.length % 2 ? 'timeout' : 'unavailable'); });
  outbox.connected(true);
  say('a');
  await clock.advance(50_000);
  assert.deepEqual(at.slice(1).map((t, i) => t - at[i]), [1000, 2000, 4000, 8000, 15_000, 15_000]);
});

test('a refusal is kept with its reason, holds up nobody, and can be retried or discarded', async () => {
  for (const code of ['validation', 'forbidden', 'not_found', 'too_large', 'something_new']) {
    let refuse = true;
    const keys = [];
    const { outbox, say, list, storage } = rig(async (e) => {
      keys.push(e.key);
      if (e.text === 'bad' && refuse) throw fail(code);
      return {};
    });
    outbox.connected(true);
    say('bad');
    say('good');
    await settle();
    assert.deepEqual(list(), [['bad', 'failed']]);
    assert.ok(outbox.list('c1')[0].error);
    assert.deepEqual(rig(async () => {}, { storage }).list(), [['bad', 'failed']]);
    refuse = false;
    outbox.retry('k1');
    await settle();
    assert.deepEqual(keys, ['k1', 'k2', 'k1']);
    assert.equal(storage.length, 0);
  }
  const { outbox, say, list, storage } = rig(async () => { throw fail('forbidden'); });
  outbox.connected(true);
  say('bad');
  await settle();
  outbox.discard('k1');
  assert.deepEqual(list(), []);
  assert.equal(storage.length, 0);
});

test('after a conflict only another key can send it', async () => {
  const keys = [];
  const { outbox, say, list } = rig(async (e) => {
    keys.push(e.key);
    if (e.key === 'k1') throw fail('conflict');
    return {};
  });
  outbox.connected(true);
  say('x');
  await settle();
  assert.deepEqual(list(), [['x', 'failed']]);
  outbox.retry('k1');
  await settle();
  assert.deepEqual(keys, ['k1', 'k2']);
  assert.deepEqual(list(), []);
});

test('what is on its way cannot be discarded', async () => {
  let done = () => {};
  const { outbox, say, list } = rig(() => new Promise((ok) => { done = ok; }));
  outbox.connected(true);
  say('x');
  await settle();
  outbox.discard('k1');
  assert.deepEqual(list(), [['x', 'sending']]);
  done({});
  await settle();
  assert.deepEqual(list(), []);
});

test('two tabs send each message once, and the other tab sees it go', async () => {
  const shared = { storage: new FakeStorage(), locks: new FakeLocks(), clock: new FakeClock() };
  const got = [];
  let inFlight = 0;
  const send = async (e) => {
    assert.equal(++inFlight, 1);
    await settle();
    inFlight--;
    got.push(e.text);
    return {};
  };
  const one = rig(send, shared);
  const two = rig(send, { ...shared, first: 100 });
  for (const t of ['a', 'b', 'c']) one.say(t);
  two.outbox.stored('charge.outbox.u1.k1');
  assert.equal(two.list().length, 3);
  one.outbox.connected(true);
  two.outbox.connected(true);
  for (let i = 0; i < 20; i++) await settle();
  assert.deepEqual(got, ['a', 'b', 'c']);
  two.outbox.stored(null);
  assert.deepEqual(two.list(), []);
});

test('it is bounded: the oldest failed one makes room, a full one says so', async () => {
  const { outbox, say, list } = rig(async (e) => { if (e.text === 'bad') throw fail('forbidden'); throw fail('disconnected'); });
  outbox.connected(true);
  say('bad');
  await settle();
  for (let i = 1; i < MAX_ENTRIES; i++) assert.ok(say(`m${i}`));
  assert.ok(say('one more'));
  assert.ok(!list().some(([t]) => t === 'bad'));
  assert.equal(say('too many'), null);
  assert.equal(list().length, MAX_ENTRIES);
});

test('storage that is full, off or full of rubbish loses nothing that memory holds', async () => {
  const got = [];
  const off = new FakeStorage();
  off.setItem = () => { throw new Error('quota'); };
  const { outbox, say } = rig(async (e) => { got.push(e.text); return {}; }, { storage: off });
  say('kept');
  outbox.stored(null);
  outbox.connected(true);
  await settle();
  assert.deepEqual(got, ['kept']);
  const rubbish = new FakeStorage();
  for (const [i, v] of ['', '{', 'null', '5', '{}', '{"key":1}', '[]'].entries()) rubbish.setItem(`charge.outbox.u1.r${i}`, v);
  assert.deepEqual(rig(async () => {}, { storage: rubbish }).list(), []);
});

test('nobody sees another person’s outbox; clear() leaves nothing behind', () => {
  const mine = rig(async () => {});
  mine.say('secret');
  const other = new Outbox({ user: 'u2', storage: mine.storage, send: async () => {}, onChange() {}, onSent() {} });
  assert.deepEqual(other.list('c1'), []);
  mine.outbox.clear();
  assert.equal(mine.storage.length, 0);
});

test('every message arrives exactly once and in order over a server that loses requests and answers', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomFrom(seed);
    const committed = new Map();
    const clock = new FakeClock();
    const storage = new FakeStorage();
    let page = 0;
    const send = async (e) => {
      const dice = random();
      if (dice < 0.2) throw fail('disconnected');
      const duplicate = committed.has(e.key);
      if (!duplicate) committed.set(e.key, e.text);
      if (dice < 0.4) throw fail(dice < 0.3 ? 'disconnected' : 'timeout'); // committed, but the answer is lost
      if (dice < 0.5 && !duplicate) { committed.delete(e.key); throw fail('rate_limited', { retryMs: 100 }); }
      return { duplicate };
    };
    let r = rig(send, { clock, storage, first: 0 });
    const typed = [];
    for (let step = 0; step < 40; step++) {
      const dice = random();
      if (dice < 0.4) { typed.push(`m${step}`); r.say(`m${step}`); }
      else if (dice < 0.8) r.outbox.connected(true);
      else if (dice < 0.9) { r.outbox.close(); r = rig(send, { clock, storage, first: ++page * 1000 }); }
      await clock.advance(random() * 1500);
    }
    for (let i = 0; i < 60 && r.list().length > 0; i++) { r.outbox.connected(true); await clock.advance(20_000); }
    assert.deepEqual([...committed.values()], typed, `seed ${seed}`);
  }
});

test('keys are UUIDs, with and without randomUUID', () => {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(uuid(), form);
  const own = Object.getOwnPropertyDescriptor(globalThis.crypto, 'randomUUID');
  Object.defineProperty(globalThis.crypto, 'randomUUID', { value: undefined, configurable: true });
  try {
    assert.match(uuid(), form);
  } finally {
    if (own) Object.defineProperty(globalThis.crypto, 'randomUUID', own);
    else delete globalThis.crypto.randomUUID;
  }
});
