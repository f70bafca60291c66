// @ts-check
// Owns what is laid out where: screen widths, the members column and the stack of open dialogs.
// Never draws anything and never reads the model.
import { computed, signal } from '../vendor/ui.mjs';

const MEMBERS_KEY = 'charge.members';

/** @param {string} query */
function media(query) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener('change', () => {
    matches.value = list.matches;
  });
  return matches;
}

/** One column at a time: a phone. */
export const narrow = media('(max-width: 760px)');
/** Room for a third column. */
export const roomy = media('(min-width: 1081px)');

/** Whether the members column is wanted where there is room for it. */
export const membersWanted = signal(stored(MEMBERS_KEY) !== 'no');

/** @param {boolean} wanted */
export function wantMembers(wanted) {
  membersWanted.value = wanted;
  store(MEMBERS_KEY, wanted ? 'yes' : 'no');
}

/** @typedef {{ id: number, view: () => any, opener: Element | null }} Layer */

let nextLayer = 1;
const layers = signal(/** @type {Layer[]} */ ([]));

/** Open dialogs, the top one last. */
export const openLayers = computed(() => layers.value);

/** Shows a dialog over what is there; the focus returns to where it was when it closes. @param {() => any} view */
export function openDialog(view) {
  layers.value = [...layers.peek(), { id: nextLayer, view, opener: document.activeElement }];
  nextLayer += 1;
}

/** Closes the top dialog. */
export function closeDialog() {
  layers.value = layers.peek().slice(0, -1);
}

export function closeAllDialogs() {
  if (layers.peek().length > 0) layers.value = [];
}

/** A string kept on this device, or null. @param {string} key */
export function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a string on this device if storage is allowed. @param {string} key @param {string} value */
export function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows may forbid storage; the choice then lasts until the page closes.
  }
}
