// @ts-check
// Owns how moments are written for a person: clock, day, distance.
// Never keeps a timer.
import { computed } from '../vendor/ui.mjs';
import { model } from '../state.js';

const DAY_MS = 86_400_000;

const clock = computed(() => {
  const wish = model.me.value?.settings.clock;
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { hour: wish === '24' ? '2-digit' : 'numeric', minute: '2-digit' };
  if (wish === '12') options.hourCycle = 'h12';
  if (wish === '24') options.hourCycle = 'h23';
  return new Intl.DateTimeFormat(undefined, options);
});
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dayWithYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });

/** 10:14 @param {string} iso */
export function timeOf(iso) {
  return clock.value.format(new Date(iso));
}

/** Date and time in full, for tooltips. @param {string} iso */
export function momentOf(iso) {
  return full.format(new Date(iso));
}

/** @param {string} a @param {string} b */
export function sameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

/** Today, Yesterday, or the date. @param {string} iso */
export function dayOf(iso) {
  const then = new Date(iso);
  const now = new Date();
  const startOfToday = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const distance = startOfToday - new Date(then.getFullYear(), then.getMonth(), then.getDate()).getTime();
  if (distance < DAY_MS / 2) return 'Today';
  if (distance < DAY_MS * 1.5) return 'Yesterday';
  return (then.getFullYear() === now.getFullYear() ? day : dayWithYear).format(then);
}

/** "in 3 hours", "2 days ago". @param {string} iso */
export function distanceOf(iso) {
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
  const seconds = (new Date(iso).getTime() - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 90) return words.format(Math.round(seconds), 'second');
  if (size < 5_400) return words.format(Math.round(seconds / 60), 'minute');
  if (size < 129_600) return words.format(Math.round(seconds / 3_600), 'hour');
  return words.format(Math.round(seconds / 86_400), 'day');
}
