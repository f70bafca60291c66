// @ts-check
// Owns the order of what a timeline shows: day dividers, the "New since" line, grouping by author.
// Never draws and never reads the model: a pure function of its arguments.
import { sameDay } from './times.js';

/**
 * @typedef {import('../model.d.ts').Message} Message
 * @typedef {import('../model.d.ts').Pending} Pending
 * @typedef {{ kind: 'day', key: string, at: string }
 *   | { kind: 'new', key: string, at: string | null }
 *   | { kind: 'message', key: string, message: Message, joined: boolean }
 *   | { kind: 'pending', key: string, pending: Pending, joined: boolean }} Row
 */

/** Messages of one author closer than this stand together. */
const GROUP_MS = 5 * 60_000;

/**
 * @param {Message[]} messages
 * @param {Pending[]} pending
 * @param {{ newSince: number | null, newSinceAt: string | null, me: string | null }} view
 * @returns {Row[]}
 */
export function rowsOf(messages, pending, view) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {{ author: string, at: string } | null} */
  let last = null;
  let lineDrawn = view.newSince === null;
  for (const message of messages) {
    const at = message.created_at;
    if (!last || !sameDay(last.at, at)) {
      rows.push({ kind: 'day', key: `day-${at.slice(0, 10)}-${message.seq}`, at });
      last = null;
    }
    if (!lineDrawn && view.newSince !== null && message.seq >= view.newSince) {
      rows.push({ kind: 'new', key: 'new', at: view.newSinceAt });
      lineDrawn = true;
      last = null;
    }
    const author = message.author.id;
    const joined = !message.reply_to && close(last, author, at);
    rows.push({ kind: 'message', key: message.id, message, joined });
    last = { author, at };
  }
  for (const item of pending) {
    const author = view.me ?? '';
    const joined = !item.reply_to && close(last, author, item.at);
    rows.push({ kind: 'pending', key: item.key, pending: item, joined });
    last = { author, at: item.at };
  }
  return rows;
}

/** @param {{ author: string, at: string } | null} last @param {string} author @param {string} at */
function close(last, author, at) {
  if (!last || last.author !== author) return false;
  return Math.abs(new Date(at).getTime() - new Date(last.at).getTime()) < GROUP_MS;
}
