// @ts-check
// Owns the scroll position of a message list: at the end unless the reader went up, still while older messages
// arrive above, and what that means for the read marker.
// Never draws.
import { batch, signal } from '../vendor/ui.mjs';
import { model } from '../state.js';

/** @typedef {import('../model.d.ts').Timeline} Timeline */

/** Nearer to the end than this counts as being at the end, in pixels. */
const AT_END_PX = 48;
/** Further than this from the end shows the way back. */
const AWAY_PX = 240;
/** Older messages load when the top is nearer than this. */
const LOAD_PX = 320;
/** How far from the top the first unread message is put when a channel opens. */
const NEW_LINE_PX = 96;

export function followScroll() {
  const away = signal(false);
  const missed = signal(0);
  /** @type {HTMLElement | null} */
  let box = null;
  /** @type {Timeline | null} */
  let shown = null;
  let opened = false;
  let atEnd = true;
  let fromEnd = 0;
  let top = 0;
  let leftAt = 0;

  const measure = () => {
    if (!box) return;
    top = box.scrollTop;
    fromEnd = box.scrollHeight - box.clientHeight - top;
    atEnd = fromEnd <= AT_END_PX;
    if (atEnd) leftAt = lastSeq(shown);
    batch(() => {
      away.value = fromEnd > AWAY_PX;
      missed.value = atEnd ? 0 : countAfter(shown, leftAt);
    });
  };

  const markSeen = () => {
    const seq = lastSeq(shown);
    if (opened && atEnd && seq > 0 && document.visibilityState === 'visible') model.seen(seq);
  };

  const onScroll = () => {
    measure();
    markSeen();
    if (box && box.scrollTop < LOAD_PX) askForOlder();
  };

  const askForOlder = () => {
    if (shown && opened && shown.hasOlder && !shown.loadingOlder && shown.phase === 'ready') void model.loadOlder();
  };

  const toEnd = () => {
    if (!box) return;
    box.scrollTop = box.scrollHeight;
    measure();
    markSeen();
  };

  /** Listens to the element; returns the function that ends it. @param {HTMLElement} element */
  const attach = (element) => {
    box = element;
    const observer = new ResizeObserver(() => {
      if (atEnd && opened) toEnd();
      else measure();
    });
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    element.addEventListener('scroll', onScroll, { passive: true });
    document.addEventListener('visibilitychange', markSeen);
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
      document.removeEventListener('visibilitychange', markSeen);
      box = null;
    };
  };

  /** Puts the list where the reader expects it after a change. @param {Timeline} timeline */
  const settle = (timeline) => {
    const before = shown;
    shown = timeline;
    if (!box) return;
    // A scroll that happened since the last measure has not told its event yet.
    if (box.scrollTop < top - 2 && box.scrollHeight - box.clientHeight - box.scrollTop > AT_END_PX) atEnd = false;
    const sentNow = before !== null && timeline.pending.length > before.pending.length;
    if (!opened && timeline.messages.length + timeline.pending.length > 0) {
      opened = true;
      openAt(box, timeline);
      leftAt = timeline.newSince === null ? lastSeq(timeline) : timeline.newSince - 1;
      measure();
      markSeen();
      if (box.scrollHeight <= box.clientHeight + LOAD_PX) askForOlder();
    } else if (sentNow || atEnd) {
      toEnd();
    } else if (before && grewAbove(before, timeline)) {
      box.scrollTop = box.scrollHeight - box.clientHeight - fromEnd;
      measure();
    } else {
      measure();
    }
  };

  return { away, missed, attach, settle, toEnd };
}

/** The end, or the first unread message if it would be out of sight. @param {HTMLElement} box @param {Timeline} timeline */
function openAt(box, timeline) {
  box.scrollTop = box.scrollHeight;
  if (timeline.newSince === null) return;
  const line = box.querySelector('.divider.new');
  if (!line) return;
  const above = line.getBoundingClientRect().top - box.getBoundingClientRect().top;
  if (above < NEW_LINE_PX) box.scrollTop += above - NEW_LINE_PX;
}

/** @param {Timeline} before @param {Timeline} after */
function grewAbove(before, after) {
  const first = before.messages[0];
  const now = after.messages[0];
  return before.loadingOlder !== after.loadingOlder || (!!first && !!now && now.seq < first.seq);
}

/** @param {Timeline | null} timeline */
function lastSeq(timeline) {
  return timeline?.messages[timeline.messages.length - 1]?.seq ?? 0;
}

/** @param {Timeline | null} timeline @param {number} seq */
function countAfter(timeline, seq) {
  if (!timeline) return 0;
  let count = 0;
  for (let i = timeline.messages.length - 1; i >= 0; i -= 1) {
    const message = timeline.messages[i];
    if (!message || message.seq <= seq) break;
    count += 1;
  }
  return count;
}
