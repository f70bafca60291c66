// @ts-check
// Owns the place where messages are written: the growing field, the counter, the reply bar, who is typing.
// Never sends by itself; model.send does, and clears the draft and the reply.
import { html, useEffect, useLayoutEffect, useRef } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { plainLine } from './markdown.js';
import { Icon, IconButton } from './parts.js';

/** The counter shows from this share of the limit on. */
const COUNTER_FROM = 0.9;

/** Length in Unicode scalar values, as the server counts. @param {string} text */
export function scalarLength(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** @param {{ channel: import('../model.d.ts').Channel }} p */
export function Composer({ channel }) {
  const may = model.can('post');
  if (!may.ok) {
    return html`<p class="composer-closed"><${Icon} name="lock" />${may.why}</p>`;
  }
  return html`<${OpenComposer} key=${channel.id} channel=${channel} />`;
}

/** @param {{ channel: import('../model.d.ts').Channel }} p */
function OpenComposer({ channel }) {
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const draft = model.draft(channel.id);
  const text = draft.value;
  const max = model.app.value.messageMax;
  const length = scalarLength(text.trim());
  const over = length > max;
  const enterSends = model.me.value?.settings.enter_sends !== false;
  const reply = model.replyTo.value;
  useLayoutEffect(() => grow(field.current), [text]);
  useEffect(() => {
    if (matchMedia('(hover: hover)').matches) field.current?.focus({ preventScroll: true });
  }, []);

  const send = () => {
    const words = text.replace(/^\n+|\s+$/g, '');
    field.current?.focus();
    if (words === '' || over) return;
    model.send(words);
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.isComposing) return;
    if (event.key === 'Escape' && reply) {
      event.preventDefault();
      model.replyTo.value = null;
    }
    const wantsSend = enterSends ? !event.shiftKey : event.ctrlKey || event.metaKey;
    if (event.key === 'Enter' && wantsSend) {
      event.preventDefault();
      send();
    }
  };
  /** @param {Event} event */
  const onInput = (event) => {
    draft.value = /** @type {HTMLTextAreaElement} */ (event.currentTarget).value;
    if (draft.value.trim() !== '') model.typed();
  };
  return html`<form class=${over ? 'composer over' : 'composer'} aria-label="Write a message" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), send())}>
    ${reply && html`<${ReplyBar} reply=${reply} />`}
    <div class="composer-row">
      <textarea id="composer-text" ref=${field} rows="1" value=${text} placeholder=${`Message #${channel.name}`}
        aria-label=${`Message #${channel.name}`} aria-describedby="composer-counter" aria-invalid=${over ? 'true' : undefined}
        enterkeyhint=${enterSends ? 'send' : 'enter'} onInput=${onInput} onKeyDown=${onKeyDown}></textarea>
      <${Counter} length=${length} max=${max} />
      <${IconButton} type="submit" class="send" name="send-horizontal" label="Send" why=${over ? `The message is ${length - max} characters too long.` : null} />
    </div>
  </form>`;
}

/** @param {{ length: number, max: number }} p */
function Counter({ length, max }) {
  const near = length >= max * COUNTER_FROM;
  const left = max - length;
  return html`<span id="composer-counter" class=${left < 0 ? 'counter over' : 'counter'} hidden=${!near}>
    ${near && html`<span aria-hidden="true">${left}</span><span class="unseen">
      ${left < 0 ? `${-left} characters too many` : `${left} characters left`}
    </span>`}
  </span>`;
}

/** @param {{ reply: import('../model.d.ts').Message }} p */
function ReplyBar({ reply }) {
  return html`<div class="reply-bar">
    <${Icon} name="reply" size=${16} />
    <span>Replying to <b>${reply.author.name}</b> · ${plainLine(reply.text)}</span>
    <${IconButton} name="x" label="Cancel reply" size=${16} onClick=${cancelReply} />
  </div>`;
}

function cancelReply() {
  model.replyTo.value = null;
  document.getElementById('composer-text')?.focus();
}

/** @param {HTMLTextAreaElement | null} field */
function grow(field) {
  if (!field) return;
  field.style.setProperty('height', 'auto');
  field.style.setProperty('height', `${field.scrollHeight}px`);
}

/** The line above the composer that says who is writing. */
export function TypingLine() {
  const people = model.typing.value;
  return html`<div class="typing">
    ${people.length > 0 && html`<span class="typing-dots" aria-hidden="true"><i></i><i></i><i></i></span><span>${typingWords(people)}</span>`}
  </div>`;
}

/** @param {{ id: string, name: string }[]} people */
function typingWords(people) {
  const [first, second] = people.map((person) => person.name);
  if (people.length === 1) return html`<b>${first}</b> is typing`;
  if (people.length === 2) return html`<b>${first}</b> and <b>${second}</b> are typing`;
  return 'Several people are typing';
}
