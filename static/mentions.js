// Whether a message calls me: by my name, as the server resolved it, or by @here or @room from someone who may call
// everybody. The grammar is the server's (domain/mention.rs). Never resolves a name and never counts.

/** @typedef {import('./model.d.ts').Role} Role */

/** `@` at the start or after a character that cannot be part of a name or an address, and the longest name after it. */
const NAME = /(?:^|[^\p{Alphabetic}\p{N}._\-/@])@([a-z0-9._-]+)/giu;

/** Whether `@here` or `@room` stands in a text. @param {string} text */
export function namesAll(text) {
  for (const [, name = ''] of text.matchAll(NAME)) {
    // A full stop or dash that ends a sentence is not part of the name.
    const called = name.replace(/[.-]+$/, '').toLowerCase();
    if (called === 'here' || called === 'room') return true;
  }
  return false;
}

/**
 * @param {{mentions?: unknown, text?: unknown, author?: any}} message @param {string} me
 * @param {(user: string) => Role | string | null} roleOf null: not a member, as far as is known
 */
export function mentionsMe({ mentions, text, author }, me, roleOf) {
  if (Array.isArray(mentions) && mentions.includes(me)) return true;
  if (typeof text !== 'string' || !namesAll(text)) return false;
  const role = roleOf(String(author?.id));
  return role === 'owner' || role === 'admin';
}
