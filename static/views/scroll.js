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

export class FollowScroll {
  constructor() {
    /** Far enough from the end to show the way back. */
    this.away = signal(false);
    /** Messages that arrived since the reader left the end. */
    this.missed = signal(0);
    /** @type {HTMLElement | null} */
    this.box = null;
    /** @type {Timeline | null} */
    this.shown = null;
    this.opened = false;
    this.atEnd = true;
    this.fromEnd = 0;
    this.top = 0;
    this.leftAt = 0;
  }

  /** Listens to the element; returns the function that ends it. @param {HTMLElement} element */
  attach(element) {
    this.box = element;
    const onScroll = () => this.scrolled();
    const onSight = () => this.markSeen();
    const observer = new ResizeObserver(() => {
      if (this.atEnd && this.opened) this.toEnd();
      else this.measure();
    });
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    element.addEventListener('scroll', onScroll, { passive: true });
    document.addEventListener('visibilitychange', onSight);
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
      document.removeEventListener('visibilitychange', onSight);
      this.box = null;
    };
  }

  /** Puts the list where the reader expects it after a change. @param {Timeline} timeline */
  settle(timeline) {
    const before = this.shown;
    const { box } = this;
    this.shown = timeline;
    if (!box) return;
    // A scroll that happened since the last measure has not told its event yet.
    if (box.scrollTop < this.top - 2 && distanceToEnd(box) > AT_END_PX) this.atEnd = false;
    const sentNow = before !== null && timeline.pending.length > before.pending.length;
    if (!this.opened && timeline.messages.length + timeline.pending.length > 0) {
      this.open(box, timeline);
    } else if (sentNow || this.atEnd) {
      this.toEnd();
    } else {
      if (before && grewAbove(before, timeline)) box.scrollTop = box.scrollHeight - box.clientHeight - this.fromEnd;
      this.measure();
    }
  }

  toEnd() {
    if (!this.box) return;
    this.box.scrollTop = this.box.scrollHeight;
    this.measure();
    this.markSeen();
  }

  // ---- below: not for callers ----

  /** @param {HTMLElement} box @param {Timeline} timeline */
  open(box, timeline) {
    this.opened = true;
    openAt(box, timeline);
    this.leftAt = timeline.newSince === null ? lastSeq(timeline) : timeline.newSince - 1;
    this.measure();
    this.markSeen();
    if (box.scrollHeight <= box.clientHeight + LOAD_PX) this.askForOlder();
  }

  scrolled() {
    this.measure();
    this.markSeen();
    if (this.box && this.box.scrollTop < LOAD_PX) this.askForOlder();
  }

  measure() {
    const { box } = this;
    if (!box) return;
    this.top = box.scrollTop;
    this.fromEnd = distanceToEnd(box);
    this.atEnd = this.fromEnd <= AT_END_PX;
    if (this.atEnd) this.leftAt = lastSeq(this.shown);
    batch(() => {
      this.away.value = this.fromEnd > AWAY_PX;
      this.missed.value = this.atEnd ? 0 : countAfter(this.shown, this.leftAt);
    });
  }

  /** Only what is at the end, with the page in sight, counts as read. */
  markSeen() {
    const seq = lastSeq(this.shown);
    if (this.opened && this.atEnd && seq > 0 && document.visibilityState === 'visible') model.seen(seq);
  }

  askForOlder() {
    const { shown } = this;
    if (shown && this.opened && shown.hasOlder && !shown.loadingOlder && shown.phase === 'ready') void model.loadOlder();
  }
}

/** @param {HTMLElement} box */
function distanceToEnd(box) {
  return box.scrollHeight - box.clientHeight - box.scrollTop;
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
