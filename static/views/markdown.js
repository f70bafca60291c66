// @ts-check
// Owns the way from what people write to what is shown: Markdown as vnodes.
// Never makes HTML strings. Raw HTML, tables and unknown marks are shown as they were typed.
import { cloneElement, Fragment, h, isValidElement } from '../vendor/ui.mjs';
import { lexer } from '../vendor/marked.mjs';

/** @typedef {import('../vendor/marked.mjs').Token} Token */

const SAFE_LINK = /^(https?:\/\/|mailto:)/i;
const MENTION = /(^|[^\p{L}\p{N}_@/.])@([a-z0-9._-]{2,32})/giu;
/** Deeper nesting than this is shown as typed. */
const MAX_DEPTH = 12;
/** Runs of quote or list marks that would nest too deep for any reader. */
const TOO_NESTED = /^(?:\s*>){13}/m;

/**
 * @param {string} text
 * @param {(name: string) => string | null} nameOf turns a username into the shown name, null if nobody has it
 * @param {any} [tail] stands at the end of the last line
 */
export function markdown(text, nameOf, tail = null) {
  return withTail(parsed(text, nameOf), tail);
}

/** @param {string} text @param {(name: string) => string | null} nameOf @returns {any[]} */
function parsed(text, nameOf) {
  if (TOO_NESTED.test(text)) return [h('p', { class: 'as-typed' }, text)];
  try {
    return blocks(lexer(text, { gfm: true, breaks: true }), nameOf, 0);
  } catch (error) {
    console.error(error);
    return [h('p', { class: 'as-typed' }, text)];
  }
}

/** @param {any[]} nodes @param {any} tail */
function withTail(nodes, tail) {
  if (!tail) return nodes;
  const last = nodes[nodes.length - 1];
  if (!isValidElement(last) || last.type !== 'p') return [...nodes, h('p', null, tail)];
  return [...nodes.slice(0, -1), cloneElement(last, null, last.props.children, ' ', tail)];
}

/** One line of plain words, for quotes and announcements. @param {string} text */
export function plainLine(text) {
  return text
    .replace(/```[^\n]*\n?/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/(\*\*|__|~~|`)/g, '')
    .replace(/(^|[^\p{L}\p{N}*_])[*_]([^*_\n]+)[*_](?![\p{L}\p{N}])/gu, '$1$2')
    .replace(/\s+/g, ' ')
    .trim();
}

/** @param {Token[] | undefined} tokens @param {(name: string) => string | null} nameOf @param {number} depth @returns {any} */
function blocks(tokens, nameOf, depth) {
  return (tokens ?? []).map((token) => block(token, nameOf, depth + 1));
}

/** @param {Token} token @param {(name: string) => string | null} nameOf @param {number} depth @returns {any} */
function block(token, nameOf, depth) {
  if (depth > MAX_DEPTH) return token.raw;
  switch (token.type) {
    case 'space':
      return null;
    case 'paragraph':
      return h('p', null, inlines(token.tokens, nameOf, depth));
    case 'heading':
      return h('p', { class: 'heading' }, inlines(token.tokens, nameOf, depth));
    case 'text':
      return token.tokens ? inlines(token.tokens, nameOf, depth) : mentions(token.text ?? token.raw, nameOf);
    case 'code':
      return h('pre', { tabIndex: 0, role: 'group', 'aria-label': 'Code' }, h('code', null, token.text));
    case 'blockquote':
      return h('blockquote', null, blocks(token.tokens, nameOf, depth));
    case 'list':
      return list(token, nameOf, depth);
    case 'hr':
      return h('hr', null);
    default:
      return h('p', { class: 'as-typed' }, token.raw.trimEnd());
  }
}

/** @param {Token} token @param {(name: string) => string | null} nameOf @param {number} depth */
function list(token, nameOf, depth) {
  const items = (token.items ?? []).map((item) =>
    h('li', null, item.task ? (item.checked ? '☑ ' : '☐ ') : null, blocks(item.tokens?.filter((part) => part.type !== 'checkbox'), nameOf, depth)),
  );
  const start = token.ordered && typeof token.start === 'number' && token.start !== 1 ? token.start : undefined;
  return h(token.ordered ? 'ol' : 'ul', { start }, items);
}

/** @param {Token[] | undefined} tokens @param {(name: string) => string | null} nameOf @param {number} depth @returns {any} */
function inlines(tokens, nameOf, depth) {
  return (tokens ?? []).map((token) => inline(token, nameOf, depth + 1));
}

/** @param {Token} token @param {(name: string) => string | null} nameOf @param {number} depth @returns {any} */
function inline(token, nameOf, depth) {
  if (depth > MAX_DEPTH) return token.raw;
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return h(token.type, null, inlines(token.tokens, nameOf, depth));
    case 'codespan':
      return h('code', null, token.text);
    case 'br':
      return h('br', null);
    case 'escape':
      return token.text;
    case 'text':
      return token.tokens ? inlines(token.tokens, nameOf, depth) : mentions(token.text ?? '', nameOf);
    case 'link':
      return link(token, nameOf, depth);
    default:
      return token.raw;
  }
}

/** @param {Token} token @param {(name: string) => string | null} nameOf @param {number} depth */
function link(token, nameOf, depth) {
  const href = token.href ?? '';
  if (!SAFE_LINK.test(href)) return token.raw;
  const props = { href, target: '_blank', rel: 'noopener noreferrer nofollow', title: href };
  return h('a', props, inlines(token.tokens, nameOf, depth));
}

/** Marks the mentions in a run of plain text. @param {string} text @param {(name: string) => string | null} nameOf */
function mentions(text, nameOf) {
  /** @type {any[]} */
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(MENTION)) {
    const start = match.index + (match[1] ?? '').length;
    const found = longestName(match[2] ?? '', nameOf);
    if (!found) continue;
    parts.push(text.slice(from, start));
    parts.push(h('span', { class: 'mention', title: `@${found.username}` }, `@${found.name}`));
    from = start + 1 + found.username.length;
  }
  if (from === 0) return text;
  parts.push(text.slice(from));
  return h(Fragment, null, parts);
}

/** A username may end in a dot, a sentence too: try the longest first. @param {string} typed @param {(name: string) => string | null} nameOf */
function longestName(typed, nameOf) {
  let username = typed;
  while (username.length > 1) {
    const name = nameOf(username.toLowerCase());
    if (name) return { username, name };
    if (!/[._-]$/.test(username)) return null;
    username = username.slice(0, -1);
  }
  return null;
}
