// @ts-check
// Owns links that move inside the page and still open in a new tab.
// Never decides where a route leads; the router does.
import { format } from '../router.js';
import { model } from '../state.js';

/** @typedef {import('../model.d.ts').Route} Route */

/** @param {Route} route */
export function href(route) {
  return format(route);
}

/** Follows a link inside the page unless the person asked for a new tab. @param {Route} route */
export function onLink(route) {
  return (/** @type {MouseEvent} */ event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    model.navigate(route);
  };
}
