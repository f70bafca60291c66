// The read markers: what the server did not take is told again, unless it never will be taken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reads } from '../../static/state/reads.js';
import { FakeClock, settle } from './fakes.mjs';

/** Reads whose server answers with what `answers` holds next; nothing: it takes the marker. */
function start(answers) {
  const clock = new FakeClock();
  const told = [];
  const reads = new Reads({
    setTimeout: clock.setTimeout, onRead() {},
    tell: async (channel, upto) => {
      told.push([clock.now() - 1_700_000_000_000, channel, upto]);
      const code = answers.shift();
      if (typeof code === 'function') await code();
      else if (code) throw Object.assign(new Error(code), { code });
    },
  });
  return { clock, told, reads };
}

for (const code of ['unavailable', 'busy', 'timeout', 'rate_limited', 'internal']) {
  test(`after ${code} the newest marker is told again, once a second`, async () => {
    const { clock, told, reads } = start([code, code]);
    reads.seen('a', 3);
    await settle();
    reads.seen('a', 5);
    await clock.advance(5000);
    assert.deepEqual(told, [[0, 'a', 3], [1000, 'a', 5], [2000, 'a', 5]]);
  });
}

for (const code of ['forbidden', 'not_found', 'validation']) {
  test(`after ${code} it is not told again`, async () => {
    const { clock, told, reads } = start([code]);
    reads.seen('a', 3);
    await clock.advance(5000);
    assert.deepEqual(told, [[0, 'a', 3]]);
  });
}

test('an answer that fails late is made good too', async () => {
  let fail = () => {};
  const { clock, told, reads } = start([() => new Promise((_, reject) => { fail = () => reject(Object.assign(new Error('timeout'), { code: 'timeout' })); })]);
  reads.seen('a', 3);
  await clock.advance(10_000);
  fail();
  await clock.advance(3000);
  assert.deepEqual(told, [[0, 'a', 3], [11_000, 'a', 3]]);
});

test('after a drop it waits for the connection', async () => {
  const { clock, told, reads } = start(['disconnected']);
  reads.seen('a', 3);
  await clock.advance(5000);
  assert.equal(told.length, 1);
  reads.tellAll();
  await settle();
  assert.deepEqual(told.at(-1), [5000, 'a', 3]);
});

test('a failure that comes after everything was cleared tells nothing', async () => {
  let fail = () => {};
  const { clock, told, reads } = start([() => new Promise((_, reject) => { fail = reject; })]);
  reads.seen('a', 3);
  await clock.advance(2000);
  reads.clear();
  fail(new Error('late'));
  await clock.advance(5000);
  assert.equal(told.length, 1);
});
