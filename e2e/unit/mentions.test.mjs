// Whom a text calls: the server's grammar, and who may call everybody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mentionsMe, namesAll } from '../../static/mentions.js';

test('@here and @room stand alone, in any case, and may end a sentence', () => {
  for (const text of ['@here', 'now @room', '(@here)', '@HERE!', 'all of @room.', '@here, @bo', 'ünd @room-', '\n@here', '@@ @room', '`@here`']) {
    assert.equal(namesAll(text), true, text);
  }
});

test('a longer name, an address or a path calls nobody', () => {
  for (const text of ['', 'here', '@ here', '@room-mates', '@here_', '@hereby', '@room.org', 'ada@here', 'é@here', '@@here', 'https://x.org/@room', '.@here', '-@room', '@_here']) {
    assert.equal(namesAll(text), false, text);
  }
});

test('only an owner or an admin calls everybody; my name is called by anybody', () => {
  const roles = { o: 'owner', a: 'admin', m: 'member', g: 'guest' };
  const roleOf = (user) => roles[user] ?? null;
  const by = (id) => mentionsMe({ mentions: [], text: 'hey @here', author: { id } }, 'me', roleOf);
  assert.deepEqual(['o', 'a', 'm', 'g', 'gone'].map(by), [true, true, false, false, false]);
  assert.equal(mentionsMe({ mentions: ['me'], text: '@ada', author: { id: 'g' } }, 'me', roleOf), true);
  assert.equal(mentionsMe({ mentions: ['you'], text: '@bo', author: { id: 'o' } }, 'me', roleOf), false);
  assert.equal(mentionsMe({ mentions: 'me', text: 7 }, 'me', roleOf), false);
});
