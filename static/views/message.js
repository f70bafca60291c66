// @ts-check
// Owns how one message looks: sent, waiting, failed or deleted, with its quote and its actions.
// Never orders messages and never scrolls.
import { html, useMemo } from '../vendor/ui.mjs';
import { mentionsMe } from '../mentions.js';
import { model } from '../state.js';
import { markdown, plainLine } from './markdown.js';
import { Avatar, Icon, IconButton, Spinner } from './parts.js';
import { momentOf, timeOf } from './times.js';

/**
 * @typedef {import('../model.d.ts').Message} Message
 * @typedef {import('../model.d.ts').Pending} Pending
 * @typedef {{ nameOf: (username: string) => string | null, roleOf: (user: string) => string | null,
 *   find: (seq: number) => Message | null, show: (seq: number) => void, reply: (message: Message) => void,
 *   canReply: boolean, me: string | null }} Surroundings
 */

const QUOTE_CHARS = 160;

/**
 * @param {{ message: Message, joined: boolean, active: boolean, flash: boolean, around: Surroundings }} p
 */
export function MessageView({ message, joined, active, flash, around }) {
  const { author, created_at: at } = message;
  const forMe = !message.deleted && around.me !== null && author.id !== around.me && mentionsMe(message, around.me, around.roleOf);
  const classes = ['message', joined && 'joined', forMe && 'mentions-me', active && 'active', flash && 'flash'];
  return html`<li class=${classes.filter(Boolean).join(' ')} data-seq=${message.seq}>
    <article tabindex="-1" aria-label=${`${author.name}, ${timeOf(at)}`}>
      ${message.reply_to !== null && !message.deleted && html`<${Quote} seq=${message.reply_to} around=${around} />`}
      <div class="message-row">
        <${Side} author=${author} at=${at} joined=${joined} />
        <div class="message-body">
          ${!joined && html`<${Head} author=${author} at=${at} role=${around.roleOf(author.id)} />`}
          ${message.deleted
            ? html`<p class="tombstone">This message was deleted.</p>`
            : html`<${Prose} text=${message.text} nameOf=${around.nameOf} edited=${message.edited_at} />`}
        </div>
      </div>
      ${around.canReply && !message.deleted && html`<${Actions} message=${message} active=${active} around=${around} />`}
    </article>
  </li>`;
}

/** @param {{ author: { id: string, name: string }, at: string, joined: boolean }} p */
function Side({ author, at, joined }) {
  return joined
    ? html`<time class="side-time" datetime=${at} title=${momentOf(at)}>${timeOf(at)}</time>`
    : html`<${Avatar} id=${author.id} name=${author.name} />`;
}

/** @param {{ author: { name: string }, at: string, role: string | null }} p */
function Head({ author, at, role }) {
  return html`<header>
    <b>${author.name}</b>
    ${role === 'guest' && html`<span class="tag">guest</span>`}
    <time datetime=${at} title=${momentOf(at)}>${timeOf(at)}</time>
  </header>`;
}

/** @param {{ text: string, nameOf: (username: string) => string | null, edited?: string | null }} p */
function Prose({ text, nameOf, edited }) {
  const content = useMemo(() => {
    const mark = edited ? html`<span class="edited" title=${`Edited ${momentOf(edited)}`}>(edited)</span>` : null;
    return markdown(text, nameOf, mark);
  }, [text, nameOf, edited]);
  return html`<div class="prose">${content}</div>`;
}

/** @param {{ seq: number, around: Surroundings }} p */
function Quote({ seq, around }) {
  const original = around.find(seq);
  if (!original) {
    return html`<div class="quote"><span class="quote-text">In reply to an earlier message</span></div>`;
  }
  const text = original.deleted ? 'Deleted message' : plainLine(original.text).slice(0, QUOTE_CHARS);
  return html`<button type="button" class="quote" tabindex="-1" aria-label=${`In reply to ${original.author.name}: ${text}. Show it`} onClick=${() => around.show(seq)}>
    <${Avatar} id=${original.author.id} name=${original.author.name} size=${16} />
    <b>${original.author.name}</b>
    <span class="quote-text">${text}</span>
  </button>`;
}

/** Reachable by Tab only on the message that has the focus, so that one Tab leaves the list. @param {{ message: Message, active: boolean, around: Surroundings }} p */
function Actions({ message, active, around }) {
  return html`<div class="message-actions" role="group" aria-label="Message actions">
    <${IconButton} name="reply" label=${`Reply to ${message.author.name}`} size=${16} tabindex=${active ? 0 : -1} onClick=${() => around.reply(message)} />
  </div>`;
}

/**
 * @param {{ pending: Pending, joined: boolean, around: Surroundings }} p
 */
export function PendingView({ pending, joined, around }) {
  const me = model.me.value;
  const author = { id: me?.id ?? '', name: me?.display_name ?? 'You' };
  const classes = ['message', 'waiting', joined && 'joined'];
  return html`<li class=${classes.filter(Boolean).join(' ')}>
    <article tabindex="-1" aria-label=${`${author.name}, ${pending.state === 'failed' ? 'not sent' : 'sending'}`}>
      ${pending.reply_to !== null && html`<${Quote} seq=${pending.reply_to} around=${around} />`}
      <div class="message-row">
        <${Side} author=${author} at=${pending.at} joined=${joined} />
        <div class="message-body">
          ${!joined && html`<${Head} author=${author} at=${pending.at} role=${null} />`}
          <${Prose} text=${pending.text} nameOf=${around.nameOf} />
          <${Outcome} pending=${pending} />
        </div>
      </div>
    </article>
  </li>`;
}

/** @param {{ pending: Pending }} p */
function Outcome({ pending }) {
  if (pending.state === 'failed') {
    return html`<div class="outcome failed" role="alert">
      <span class="outcome-text"><${Icon} name="circle-alert" size=${14} /><span>Not sent. ${pending.error ?? ''}</span></span>
      <button type="button" onClick=${() => model.retry(pending.key)}>Try again</button>
      <button type="button" onClick=${() => model.discard(pending.key)}>Discard</button>
    </div>`;
  }
  if (pending.state === 'queued') {
    return html`<div class="outcome"><${Icon} name="clock-alert" size=${14} />Waits for the connection</div>`;
  }
  return html`<div class="outcome late"><${Spinner} />Sending</div>`;
}
