// @ts-check
// Owns the menu button: a trigger, a list placed beside it, and the keys that move in it.
// Never knows what its items do.
import { html, useEffect, useId, useLayoutEffect, useRef, useSignal } from '../vendor/ui.mjs';
import { Icon } from './parts.js';

/**
 * @typedef {{ label: string, icon?: string, run: () => void, danger?: boolean, checked?: boolean, why?: string | null,
 *   before?: any }} Item
 * @typedef {{ label?: string, items: Item[] }} Group
 */

const GAP = 6;
const EDGE = 8;

/**
 * @param {{ label: string, groups: Group[], children?: any, class?: string, title?: string, [attribute: string]: unknown }} p
 */
export function MenuButton({ label, groups, children, class: extra = '', ...rest }) {
  const open = useSignal(false);
  const trigger = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const id = useId();
  /** @param {boolean} [focus] */
  const close = (focus = true) => {
    open.value = false;
    if (focus) trigger.current?.focus();
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.key !== 'ArrowDown' || open.peek()) return;
    event.preventDefault();
    open.value = true;
  };
  return html`<button
      ...${rest}
      type="button"
      class=${extra}
      ref=${trigger}
      aria-haspopup="menu"
      aria-expanded=${String(open.value)}
      aria-controls=${open.value ? id : undefined}
      onClick=${() => (open.value = !open.peek())}
      onKeyDown=${onKey}
    >
      ${children}
    </button>
    ${open.value && html`<${MenuList} id=${id} label=${label} groups=${groups} trigger=${trigger} close=${close} />`}`;
}

/**
 * @param {{ id: string, label: string, groups: Group[], trigger: { current: HTMLElement | null },
 *   close: (focus?: boolean) => void }} p
 */
function MenuList({ id, label, groups, trigger, close }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    if (list.current && trigger.current) place(list.current, trigger.current);
    itemsOf(list.current)[0]?.focus();
  }, []);
  useEffect(() => {
    /** @param {Event} event */
    const outside = (event) => {
      const target = /** @type {Node} */ (event.target);
      if (!list.current?.contains(target) && !trigger.current?.contains(target)) close(false);
    };
    const gone = () => close(false);
    document.addEventListener('pointerdown', outside, true);
    window.addEventListener('resize', gone);
    return () => {
      document.removeEventListener('pointerdown', outside, true);
      window.removeEventListener('resize', gone);
    };
  }, []);
  const shown = groups.filter((group) => group.items.length > 0);
  return html`<div class="menu" role="menu" id=${id} aria-label=${label} ref=${list} onKeyDown=${(/** @type {KeyboardEvent} */ e) => onMenuKey(e, list.current, close)}>
    ${shown.map(
      (group, index) => html`${index > 0 && html`<div class="menu-line" role="separator"></div>`}
        <div role="group" aria-label=${group.label}>
          ${group.label && html`<div class="menu-title" aria-hidden="true">${group.label}</div>`}
          ${group.items.map((item) => html`<${MenuItem} item=${item} close=${close} />`)}
        </div>`,
    )}
  </div>`;
}

/** @param {{ item: Item, close: (focus?: boolean) => void }} p */
function MenuItem({ item, close }) {
  const id = useId();
  const run = () => {
    if (item.why) return;
    close();
    item.run();
  };
  return html`<button
    type="button"
    class=${item.danger ? 'menu-item danger' : 'menu-item'}
    role=${item.checked === undefined ? 'menuitem' : 'menuitemradio'}
    aria-checked=${item.checked === undefined ? undefined : String(item.checked)}
    aria-disabled=${item.why ? 'true' : undefined}
    aria-describedby=${item.why ? id : undefined}
    title=${item.why ?? undefined}
    tabindex="-1"
    onClick=${run}
  >
    ${item.before}${item.icon && html`<${Icon} name=${item.icon} />`}
    <span class="menu-label">${item.label}</span>
    ${item.checked && html`<${Icon} name="check" size=${16} />`}
    ${item.why && html`<span class="unseen" id=${id}>${item.why}</span>`}
  </button>`;
}

/** @param {HTMLElement | null} list @returns {HTMLElement[]} */
function itemsOf(list) {
  return list ? /** @type {HTMLElement[]} */ ([...list.querySelectorAll('.menu-item')]) : [];
}

/** @param {KeyboardEvent} event @param {HTMLElement | null} list @param {(focus?: boolean) => void} close */
function onMenuKey(event, list, close) {
  const items = itemsOf(list);
  const here = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const last = items.length - 1;
  /** @type {Record<string, number>} */
  const moves = { ArrowDown: here === last ? 0 : here + 1, ArrowUp: here <= 0 ? last : here - 1, Home: 0, End: last };
  const next = moves[event.key];
  if (next !== undefined) {
    event.preventDefault();
    items[next]?.focus();
  } else if (event.key === 'Escape') {
    event.preventDefault();
    event.stopPropagation();
    close();
  } else if (event.key === 'Tab') {
    event.preventDefault();
    close();
  } else if (event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const start = event.key.toLocaleLowerCase();
    const order = [...items.slice(here + 1), ...items.slice(0, here + 1)];
    order.find((item) => item.textContent?.trim().toLocaleLowerCase().startsWith(start))?.focus();
  }
}

/** Puts the list under its trigger, or above where there is more room, inside the window. @param {HTMLElement} list @param {HTMLElement} trigger */
function place(list, trigger) {
  const from = trigger.getBoundingClientRect();
  const size = list.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const height = document.documentElement.clientHeight;
  const below = from.bottom + GAP;
  const top = below + size.height + EDGE > height ? Math.max(EDGE, from.top - GAP - size.height) : below;
  const wished = from.left + size.width + EDGE > width ? from.right - size.width : from.left;
  const left = Math.max(EDGE, Math.min(wished, width - size.width - EDGE));
  list.style.setProperty('top', `${top}px`);
  list.style.setProperty('left', `${left}px`);
}
