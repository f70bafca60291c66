// @ts-check
// Owns the list of messages and its scrolling: sticking to the end, keeping the place while older ones load,
// the pill that leads back, moving by arrow keys, and telling new messages to screen readers.
// Never draws one message (message.js) and never orders them (rows.js).
import { html, useEffect, useLayoutEffect, useMemo, useRef, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { plainLine } from './markdown.js';
import { MessageView, PendingView } from './message.js';
import { Button, Icon, Spinner } from './parts.js';
import { rowsOf } from './rows.js';
import { FollowScroll } from './scroll.js';
import { dayOf, sameDay, timeOf } from './times.js';

/**
 * @typedef {import('../model.d.ts').Message} Message
 * @typedef {import('../model.d.ts').Timeline} Timeline
 * @typedef {import('./message.js').Surroundings} Surroundings
 */

const FLASH_MS = 1_600;
const ANNOUNCED_CHARS = 200;

/** @param {{ timeline: Timeline, channel: import('../model.d.ts').Channel }} p */
export function MessageList({ timeline, channel }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const active = useSignal(/** @type {number | null} */ (null));
  const flash = useSignal(/** @type {number | null} */ (null));
  const scroll = useMemo(() => new FollowScroll(), []);
  const around = useSurroundings(timeline, box, flash);
  const { messages, pending, newSince, newSinceAt } = timeline;
  const rows = useMemo(
    () => rowsOf(messages, pending, { newSince, newSinceAt, me: around.me }),
    [messages, pending, newSince, newSinceAt, around.me],
  );
  useLayoutEffect(() => (box.current ? scroll.attach(box.current) : undefined), []);
  useLayoutEffect(() => scroll.settle(timeline), [timeline]);

  return html`<div class="message-pane">
    <div class="message-scroll" ref=${box} tabindex="0" role="region" aria-label=${`Messages in ${channel.name}`}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => moveByKey(event, box.current)}
      onFocusIn=${(/** @type {FocusEvent} */ event) => (active.value = seqOf(event.target))}
      onFocusOut=${(/** @type {FocusEvent} */ event) => (active.value = seqOf(event.relatedTarget))}>
      <div class="message-stack">
        <${HistoryEdge} timeline=${timeline} channel=${channel} />
        <ol>
          ${rows.map((row) => {
            if (row.kind === 'day') return html`<li class="divider" key=${row.key}><span>${dayOf(row.at)}</span></li>`;
            if (row.kind === 'new') return html`<li class="divider new" key=${row.key}><span>${newLine(row.at)}</span></li>`;
            if (row.kind === 'pending') return html`<${PendingView} key=${row.key} pending=${row.pending} joined=${row.joined} around=${around} />`;
            const seq = row.message.seq;
            return html`<${MessageView} key=${row.key} message=${row.message} joined=${row.joined}
              active=${active.value === seq} flash=${flash.value === seq} around=${around} />`;
          })}
        </ol>
      </div>
    </div>
    <${JumpPill} scroll=${scroll} />
    <${Announcer} timeline=${timeline} me=${around.me} />
  </div>`;
}

/** @param {string | null} at */
function newLine(at) {
  if (!at) return 'New';
  const today = new Date().toISOString();
  return `New since ${sameDay(at, today) ? timeOf(at) : `${dayOf(at)}, ${timeOf(at)}`}`;
}

/**
 * What a message needs to know of its neighbours. Stable while the members and messages are.
 * @param {Timeline} timeline
 * @param {{ current: HTMLElement | null }} box
 * @param {import('../vendor/ui.mjs').Signal<number | null>} flash
 * @returns {Surroundings}
 */
function useSurroundings(timeline, box, flash) {
  const members = model.room.value?.members ?? null;
  const me = model.me.value?.id ?? null;
  const canReply = model.can('post').ok;
  const people = useMemo(() => {
    const names = new Map((members ?? []).map((member) => [member.username.toLowerCase(), member.name]));
    const roles = new Map((members ?? []).map((member) => [member.user, String(member.role)]));
    return {
      nameOf: (/** @type {string} */ username) =>
        username === 'here' || username === 'room' ? username : (names.get(username) ?? null),
      roleOf: (/** @type {string} */ user) => roles.get(user) ?? null,
    };
  }, [members]);
  return useMemo(() => {
    const bySeq = new Map(timeline.messages.map((message) => [message.seq, message]));
    /** @param {number} seq */
    const show = (seq) => {
      const item = box.current?.querySelector(`[data-seq="${seq}"] article`);
      if (!(item instanceof HTMLElement)) return;
      item.scrollIntoView({ block: 'center' });
      item.focus({ preventScroll: true });
      flash.value = seq;
      setTimeout(() => (flash.value = null), FLASH_MS);
    };
    /** @param {Message} message */
    const reply = (message) => {
      model.replyTo.value = message;
      document.getElementById('composer-text')?.focus();
    };
    return { ...people, me, canReply, show, reply, find: (/** @type {number} */ seq) => bySeq.get(seq) ?? null };
  }, [people, timeline.messages, me, canReply]);
}

/** @param {{ timeline: Timeline, channel: import('../model.d.ts').Channel }} p */
function HistoryEdge({ timeline, channel }) {
  if (timeline.loadingOlder) {
    return html`<div class="history-edge"><${Spinner} label="Loading earlier messages" /></div>`;
  }
  if (timeline.hasOlder) {
    return html`<div class="history-edge"><${Button} onClick=${() => model.loadOlder()}>Load earlier messages</${Button}></div>`;
  }
  return html`<div class="history-start">
    <span class="feature-icon"><${Icon} name="hash" size=${24} /></span>
    <h2>This is the start of #${channel.name}</h2>
    ${channel.topic && html`<p>${channel.topic}</p>`}
  </div>`;
}

/** @param {{ scroll: FollowScroll }} p */
function JumpPill({ scroll }) {
  if (!scroll.away.value) return null;
  const count = scroll.missed.value;
  const label = count > 0 ? `Jump to latest, ${count} new` : 'Jump to latest';
  return html`<button type="button" class="jump" aria-label=${label} onClick=${() => scroll.toEnd()}>
    <${Icon} name="arrow-down" size=${16} />Jump to latest
    ${count > 0 && html`<span class="badge">${count > 99 ? '99+' : count}</span>`}
  </button>`;
}

/**
 * Tells what others write while the list is open. History and what was there at opening stay silent.
 * @param {{ timeline: Timeline, me: string | null }} p
 */
function Announcer({ timeline, me }) {
  const said = useRef(/** @type {number | null} */ (null));
  const text = useSignal('');
  useEffect(() => {
    if (timeline.phase !== 'ready') return;
    const last = timeline.messages[timeline.messages.length - 1];
    const before = said.current;
    said.current = last ? last.seq : 0;
    if (before === null || !last || last.seq <= before) return;
    const fresh = timeline.messages.filter((m) => m.seq > before && m.author.id !== me && !m.deleted);
    if (fresh.length > 3) text.value = `${fresh.length} new messages`;
    else if (fresh.length > 0) {
      text.value = fresh.map((m) => `${m.author.name}: ${plainLine(m.text).slice(0, ANNOUNCED_CHARS)}`).join('. ');
    }
  }, [timeline]);
  return html`<div class="unseen" aria-live="polite">${text.value}</div>`;
}

/** @param {EventTarget | null} target @returns {number | null} */
function seqOf(target) {
  const item = target instanceof Element ? target.closest('[data-seq]') : null;
  return item instanceof HTMLElement ? Number(item.dataset.seq) : null;
}

/** Up and Down go from message to message; Escape goes back to the composer. @param {KeyboardEvent} event @param {HTMLElement | null} box */
function moveByKey(event, box) {
  if (!box || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === 'Escape') {
    document.getElementById('composer-text')?.focus();
    return;
  }
  const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
  if (step === 0) return;
  const all = /** @type {HTMLElement[]} */ ([...box.querySelectorAll('.message > article')]);
  const here = all.findIndex((item) => item.contains(document.activeElement));
  const next = here === -1 ? all[all.length - 1] : all[here + step];
  event.preventDefault();
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: 'nearest' });
}
