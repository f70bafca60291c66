// The projection of a log into messages: whatever the order in which pages and events come, the list is the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Projection } from '../../static/state/projection.js';
import { randomFrom, timeOf } from './fakes.mjs';

const ME = 'u1';

/** A random log of messages and of what was done to them. */
function randomLog(random, length) {
  const log = [];
  const ids = [];
  for (let seq = 1; seq <= length; seq++) {
    const dice = random();
    const message = ids[Math.floor(random() * ids.length)];
    const user = random() < 0.4 ? ME : `u${2 + Math.floor(random() * 3)}`;
    if (!message || dice < 0.45) {
      ids.push(`m${seq}`);
      log.push({ ev: 'message.new', seq, d: { id: `m${seq}`, seq, channel: 'c', author: { id: user, name: user }, text: `text ${seq}`, reply_to: null, created_at: timeOf(seq), edited_at: null, deleted: false, reactions: [], mentions: [], pinned: false } });
    } else if (dice < 0.6) log.push({ ev: 'message.edit', seq, d: { message, text: `edit ${seq}`, edited_at: timeOf(seq), by: user } });
    else if (dice < 0.65) log.push({ ev: 'message.delete', seq, d: { message, by: user } });
    else if (dice < 0.8) log.push({ ev: 'reaction.add', seq, d: { message, emoji: random() < 0.5 ? 'a' : 'b', user } });
    else if (dice < 0.9) log.push({ ev: 'reaction.remove', seq, d: { message, emoji: random() < 0.5 ? 'a' : 'b', user } });
    else log.push({ ev: random() < 0.5 ? 'pin.add' : 'pin.remove', seq, d: { message, by: user } });
  }
  return legal(log);
}

/** Leaves out what a server would not commit: a reaction twice, anything on a tombstone. */
function legal(log) {
  const reacted = new Set();
  const gone = new Set();
  return log.map((e) => {
    const id = e.d.message;
    const key = `${id} ${e.d.emoji} ${e.d.user}`;
    const nothing = { ev: 'moderation', seq: e.seq, d: {} };
    if (e.ev === 'message.new') return e;
    if (gone.has(id)) return nothing;
    if (e.ev === 'message.delete') gone.add(id);
    if (e.ev === 'reaction.add') { if (reacted.has(key)) return nothing; reacted.add(key); }
    if (e.ev === 'reaction.remove' && !reacted.delete(key)) return nothing;
    return e;
  });
}

/** A server written the plain way, without the projection's code: the messages as they are at `head`. */
function messagesAt(log, head) {
  const all = new Map();
  for (const { ev, seq, d } of log) {
    if (seq > head) break;
    const m = all.get(d.message);
    if (ev === 'message.new') all.set(d.id, { ...d, who: [] });
    else if (!m) continue;
    else if (ev === 'message.edit') Object.assign(m, { text: d.text, edited_at: d.edited_at });
    else if (ev === 'message.delete') Object.assign(m, { deleted: true, text: '', who: [], pinned: false });
    else if (ev === 'reaction.add') m.who.push([d.emoji, d.user]);
    else if (ev === 'reaction.remove') m.who = m.who.filter(([e, u]) => e !== d.emoji || u !== d.user);
    else if (ev === 'pin.add' || ev === 'pin.remove') m.pinned = ev === 'pin.add';
  }
  return [...all.values()].map(({ who, ...m }) => {
    const emojis = [...new Set(who.map(([e]) => e))];
    return { ...m, reactions: emojis.map((emoji) => ({ emoji, count: who.filter(([e]) => e === emoji).length, me: who.some(([e, u]) => e === emoji && u === ME) })) };
  });
}

function pageAt(log, head, { before = Infinity, limit = 10 } = {}) {
  const older = messagesAt(log, head).filter((m) => m.seq < before);
  return { messages: structuredClone(older.slice(-limit)), has_more: older.length > limit, head };
}

/** Order of the reactions of one message is not part of the promise. */
const normal = (messages) => messages.map((m) => ({ ...m, reactions: [...m.reactions].sort((a, b) => (a.emoji < b.emoji ? -1 : 1)) }));

test('any interleaving of history pages and live events gives the same list', () => {
  for (let seed = 1; seed <= 400; seed++) {
    const random = randomFrom(seed);
    const log = randomLog(random, 120);
    const start = Math.floor(random() * 80);
    const projection = new Projection(ME);
    projection.startAt(start);
    let live = start; // the last event heard
    let committed = start; // what the server has
    /** @type {{page: any, older: boolean}[]} answers on their way */
    let flying = [];
    while (live < log.length || !projection.loaded || projection.hasOlder) {
      const dice = random();
      if (dice < 0.4 && committed < log.length) committed++;
      else if (dice < 0.7 && live < committed) projection.apply(log[live++]);
      else if (dice < 0.85 && flying.length === 0) {
        const older = projection.loaded;
        flying = [{ page: pageAt(log, committed, older ? { before: projection.floor } : {}), older }];
      } else if (flying.length > 0) {
        const [{ page }] = flying;
        flying = [];
        assert.equal(projection.load(page), true);
      }
      if (dice > 0.97 && live < log.length && log[live].ev === 'message.new' && committed > live) projection.committed(structuredClone(log[live].d));
      const seqs = projection.messages.map((m) => m.seq);
      assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b), `seed ${seed}: sorted, each once`);
    }
    assert.deepEqual(normal(projection.messages), normal(messagesAt(log, log.length)), `seed ${seed}`);
  }
});

test('an event twice is an event once', () => {
  const random = randomFrom(3);
  const log = randomLog(random, 60);
  const projection = new Projection(ME);
  projection.load({ messages: [], has_more: false, head: 0 });
  for (const e of log) {
    projection.apply(e);
    projection.change(e);
  }
  assert.deepEqual(normal(projection.messages), normal(messagesAt(log, 60)));
});

test('a page older than what is remembered of the events is refused', () => {
  const projection = new Projection(ME);
  projection.startAt(50);
  assert.equal(projection.load({ messages: [], has_more: false, head: 40 }), false);
  assert.equal(projection.loaded, false);
  for (let seq = 51; seq <= 51 + 600; seq++) projection.apply({ ev: 'moderation', seq, d: {} });
  assert.equal(projection.load({ messages: [], has_more: false, head: 60 }), false);
  assert.equal(projection.load({ messages: [], has_more: false, head: 651 }), true);
});

test('memory is bounded, and what was let go of can be loaded again', () => {
  const projection = new Projection(ME);
  projection.load({ messages: [], has_more: false, head: 0 });
  for (let seq = 1; seq <= 5000; seq++) projection.apply({ ev: 'message.new', seq, d: { id: `m${seq}`, seq, author: { id: 'u2', name: 'x' }, text: '' } });
  assert.ok(projection.messages.length <= 2000);
  assert.ok(projection.recent.length <= 512);
  assert.equal(projection.asOf.size, projection.messages.length);
  assert.equal(projection.hasOlder, true);
  assert.equal(projection.floor, projection.messages[0].seq);
});

test('malformed messages and events change nothing', () => {
  const projection = new Projection(ME);
  projection.load({ messages: [null, 5, {}, { id: 'm1' }, { id: 'm2', seq: 'x' }, { id: 'm3', seq: 3 }], has_more: false, head: 3 });
  assert.deepEqual(projection.messages.map((m) => m.id), ['m3']);
  for (const d of [{}, { message: 'm3' }, { message: 5, text: 'x' }, { message: 'm3', emoji: 7 }, { message: 'm3', text: {} }]) {
    for (const ev of ['message.new', 'message.edit', 'reaction.add', 'reaction.remove', 'what.ever']) projection.apply({ ev, seq: projection.head + 1, d });
  }
  assert.deepEqual(projection.messages.map((m) => [m.id, m.text, m.reactions.length]), [['m3', '', 0]]);
});
