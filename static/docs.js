// @ts-check
// The API page: RapiDoc over /openapi.json in the client's colours.
// Owns nothing of the client; it never signs in and keeps no token.
import './vendor/rapidoc-min.js';

const WIDE = '(min-width: 761px)';
const DARK = '(prefers-color-scheme: dark)';

/** @type {Record<string, string>} */
const FIXED = {
  'spec-url': '/openapi.json',
  'load-fonts': 'false',
  'show-header': 'false',
  'allow-spec-url-load': 'false',
  'allow-spec-file-load': 'false',
  'allow-authentication': 'true',
  'persist-auth': 'false',
  'allow-try': 'true',
  'schema-style': 'table',
  'schema-description-expanded': 'true',
  'show-method-in-nav-bar': 'as-colored-text',
  'use-path-in-nav-bar': 'true',
  'font-size': 'default',
  'regular-font': 'Figtree, system-ui, sans-serif',
  'mono-font': 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace',
};

/** @param {string} name */
function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @param {HTMLElement} page */
function paint(page) {
  const dark = document.documentElement.dataset.theme === 'dark';
  const wide = matchMedia(WIDE).matches;
  /** @type {Record<string, string>} */
  const colours = {
    theme: dark ? 'dark' : 'light',
    'render-style': wide ? 'focused' : 'read',
    'bg-color': token('--canvas'),
    'text-color': token('--text'),
    'primary-color': token('--accent'),
    'nav-bg-color': token('--side'),
    'nav-text-color': token('--text-2'),
    'nav-hover-bg-color': token('--hover'),
    'nav-hover-text-color': token('--text'),
    'nav-accent-color': token('--accent'),
  };
  for (const [name, value] of Object.entries(colours)) page.setAttribute(name, value);
}

/** @type {Record<string, string[]>} */
const COLOUR_NAMES = {
  '--api-blue': ['--blue', '--nav-get-color'],
  '--api-green': ['--green', '--nav-post-color'],
  '--api-orange': ['--orange', '--nav-put-color', '--nav-head-color'],
  '--api-red': ['--red', '--nav-delete-color'],
};

/** RapiDoc sets its own colours on every element, so ours are adopted after them. */
const colourSheet = new CSSStyleSheet();

/** @param {HTMLElement} page */
function repaint(page) {
  paint(page);
  const lines = Object.entries(COLOUR_NAMES).flatMap(([ours, theirs]) => theirs.map((name) => `${name}: ${token(ours)};`));
  colourSheet.replaceSync(`*, *::before, *::after, :host { ${lines.join(' ')} }`);
}

/** Follows the system, unless a theme was chosen in the client; theme.js does so before the first paint. @param {HTMLElement} page */
function followSystem(page) {
  let chosen = null;
  try {
    chosen = localStorage.getItem('charge.theme');
  } catch {
    // Storage may be forbidden; the system's theme is used then.
  }
  if (chosen !== 'light' && chosen !== 'dark') document.documentElement.dataset.theme = matchMedia(DARK).matches ? 'dark' : 'light';
  repaint(page);
}

/** Names the fields and landmarks RapiDoc leaves without a name, and opens what scrolls to the keyboard, in nested shadow trees too. @param {ShadowRoot} root */
function nameControls(root) {
  for (const field of root.querySelectorAll('input:not([aria-label]), textarea:not([aria-label]), select:not([aria-label])')) {
    if (!(field instanceof HTMLElement)) continue;
    field.setAttribute('aria-label', field.dataset.pname ?? (field.getAttribute('placeholder') || 'Request body'));
  }
  root.querySelectorAll('nav:not([aria-label])').forEach((nav, index) => {
    nav.setAttribute('aria-label', index === 0 ? 'Operations' : `Operations ${index + 1}`);
  });
  // It scrolls, so that the arrow keys need a way into it.
  root.querySelector('main:not([tabindex="0"])')?.setAttribute('tabindex', '0');
  for (const child of root.querySelectorAll('*')) {
    if (child.shadowRoot && !dressed.has(child.shadowRoot)) dress(child.shadowRoot);
  }
}

/** @type {WeakSet<ShadowRoot>} */
const dressed = new WeakSet();

/** @param {ShadowRoot} root */
function dress(root) {
  dressed.add(root);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, colourSheet];
  nameControls(root);
  new MutationObserver(() => nameControls(root)).observe(root, { childList: true, subtree: true });
}

const host = document.getElementById('docs');
if (host) {
  const page = document.createElement('rapi-doc');
  for (const [name, value] of Object.entries(FIXED)) page.setAttribute(name, value);
  repaint(page);
  host.append(page);
  if (page.shadowRoot) dress(page.shadowRoot);
  matchMedia(WIDE).addEventListener('change', () => paint(page));
  matchMedia(DARK).addEventListener('change', () => followSystem(page));
}
