// @ts-check
// Owns how dialogs behave: focus kept inside and given back, Esc, the scrim, the two-column form.
// Never knows what a dialog is about.
import { html, createContext, useContext, useEffect, useId, useLayoutEffect, useRef, useSignal } from '../vendor/ui.mjs';
import { closeDialog, narrow, openDialog, openLayers } from './layout.js';
import { Button, Icon, IconButton } from './parts.js';
import { Problem, useAction } from './forms.js';

const FOCUSABLE =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex="0"]';

/** The id of the title of the dialog around a component. */
const Title = createContext('');

/** Draws every open dialog. */
export function DialogHost() {
  const layers = openLayers.value;
  return layers.map(
    (layer, index) => html`<${LayerView} key=${layer.id} layer=${layer} top=${index === layers.length - 1} />`,
  );
}

/** @param {{ layer: import('./layout.js').Layer, top: boolean }} p */
function LayerView({ layer, top }) {
  const id = useId();
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    focusFirst(box.current);
    return () => requestAnimationFrame(() => giveBack(layer.opener));
  }, []);
  useEffect(() => {
    if (!top) return undefined;
    /** @param {KeyboardEvent} event */
    const onKey = (event) => {
      if (event.key === 'Escape' && !event.defaultPrevented) {
        event.preventDefault();
        closeDialog();
      }
      if (event.key === 'Tab') keepInside(event, box.current);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [top]);
  return html`<div class="layer" ref=${box} inert=${!top}>
    <${Title.Provider} value=${id}>${layer.view()}</${Title.Provider}>
  </div>`;
}

/** @param {Element | null} opener */
function giveBack(opener) {
  if (openLayers.peek().length > 0 && !opener?.closest('.layer')) return;
  if (opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true });
}

/** @param {HTMLElement | null} box */
function focusFirst(box) {
  if (!box) return;
  const wanted = box.querySelector('[data-autofocus]') ?? box.querySelector('[role=dialog], [role=alertdialog]');
  if (wanted instanceof HTMLElement) wanted.focus();
}

/** @param {KeyboardEvent} event @param {HTMLElement | null} box */
function keepInside(event, box) {
  if (!box) return;
  const all = [...box.querySelectorAll(FOCUSABLE)].filter(
    (item) => item instanceof HTMLElement && item.tabIndex >= 0 && item.getClientRects().length > 0,
  );
  const first = all[0];
  const last = all[all.length - 1];
  if (!(first instanceof HTMLElement) || !(last instanceof HTMLElement)) return;
  const here = document.activeElement;
  const outside = !here || !box.contains(here) || here.getAttribute('role') === 'dialog';
  if (event.shiftKey && (here === first || outside)) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && (here === last || !box.contains(here))) {
    event.preventDefault();
    first.focus();
  }
}

/** @param {MouseEvent} event */
function closeOnScrim(event) {
  if (event.target === event.currentTarget) closeDialog();
}

/**
 * A plain dialog, or a sheet at the side with `side`.
 * @param {{ title: string, children?: any, side?: boolean, role?: string }} p
 */
export function Dialog({ title, children, side, role = 'dialog' }) {
  const id = useContext(Title);
  return html`<div class=${side ? 'scrim side' : 'scrim'} onMouseDown=${closeOnScrim}>
    <div class=${side ? 'dialog sheet' : 'dialog'} role=${role} aria-modal="true" aria-labelledby=${id} tabindex="-1">
      <header class="dialog-head">
        <h2 id=${id}>${title}</h2>
        <${IconButton} name="x" label="Close" size=${20} onClick=${closeDialog} />
      </header>
      ${side ? children : html`<div class="dialog-body">${children}</div>`}
    </div>
  </div>`;
}

/** @typedef {{ id: string, label: string, icon: string, view: () => any }} Page */

/**
 * A dialog with a list of pages; on a phone the list comes first and each page has a way back.
 * @param {{ label: string, pages: Page[], initial?: string }} p
 */
export function PagedDialog({ label, pages, initial }) {
  const id = useContext(Title);
  const chosen = useSignal(initial ?? (narrow.peek() ? null : (pages[0]?.id ?? null)));
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const page = pages.find((each) => each.id === chosen.value) ?? (narrow.value ? null : pages[0]);
  useEffect(() => body.current?.scrollTo(0, 0), [page?.id]);
  const nav = html`<nav class="dialog-nav" aria-label=${label}>
    <ul>
      ${pages.map(
        (each) => html`<li key=${each.id}>
          <button type="button" aria-current=${each === page ? 'page' : undefined} onClick=${() => (chosen.value = each.id)}>
            <${Icon} name=${each.icon} />${each.label}
            ${narrow.value && html`<span class="grow"></span><${Icon} name="chevron-right" size=${16} />`}
          </button>
        </li>`,
      )}
    </ul>
  </nav>`;
  return html`<div class="scrim full" onMouseDown=${closeOnScrim}>
    <div class="dialog paged" role="dialog" aria-modal="true" aria-labelledby=${id} tabindex="-1">
      ${!narrow.value && nav}
      <div class="dialog-page">
        <header class="dialog-head">
          ${narrow.value && page && html`<${IconButton} name="chevron-left" label=${`Back to ${label.toLowerCase()}`} size=${22} onClick=${() => (chosen.value = null)} />`}
          <h2 id=${id}>${page ? page.label : label}</h2>
          <${IconButton} name="x" label=${`Close ${label.toLowerCase()}`} size=${20} onClick=${closeDialog} />
        </header>
        ${page
          ? html`<div class="dialog-body" ref=${body} tabindex="0" role="region" aria-label=${page.label} key=${page.id}>${page.view()}</div>`
          : nav}
      </div>
    </div>
  </div>`;
}

/**
 * Asks before something that cannot be undone.
 * @param {{ title: string, text: any, action: string, run: () => Promise<void> | void }} p
 */
export function askFirst(p) {
  openDialog(() => html`<${Confirm} ...${p} />`);
}

/** @param {{ title: string, text: any, action: string, run: () => Promise<void> | void }} p */
function Confirm({ title, text, action, run }) {
  const act = useAction(async () => {
    await run();
    closeDialog();
  });
  return html`<${Dialog} title=${title} role="alertdialog">
    <p>${text}</p>
    <${Problem} failure=${act.failure.value} />
    <div class="actions">
      <${Button} data-autofocus onClick=${closeDialog}>Cancel</${Button}>
      <${Button} kind="danger" busy=${act.busy.value} onClick=${() => act.go()}>${action}</${Button}>
    </div>
  </${Dialog}>`;
}
