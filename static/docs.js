// @ts-check
// The API page: RapiDoc over /openapi.json in the client's colours.
// Owns nothing of the client; it never signs in and keeps no token.
import './vendor/rapidoc-min.js';

const WIDE = '(min-width: 761px)';

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

/** RapiDoc sets its own colours on every element, so ours are adopted after them. */
function adoptColours() {
  const sheet = new CSSStyleSheet();
  const names = ['--blue', '--green', '--orange', '--red'];
  sheet.replaceSync(`*, *::before, *::after, :host { ${names.map((name) => `${name}: ${token(`--api${name.slice(1)}`)};`).join(' ')} }`);
  return sheet;
}

/** Names the fields and landmarks RapiDoc leaves without a name. @param {ShadowRoot} root */
function nameControls(root) {
  for (const field of root.querySelectorAll('input:not([aria-label]), textarea:not([aria-label]), select:not([aria-label])')) {
    if (field instanceof HTMLElement) field.setAttribute('aria-label', field.dataset.pname ?? field.getAttribute('placeholder') ?? 'Request body');
  }
  root.querySelectorAll('nav:not([aria-label])').forEach((nav, index) => nav.setAttribute('aria-label', index === 0 ? 'Operations' : `Operations ${index + 1}`));
}

/** @param {HTMLElement} page */
function dress(page) {
  const root = page.shadowRoot;
  if (!root) return;
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, adoptColours()];
  nameControls(root);
  new MutationObserver(() => nameControls(root)).observe(root, { childList: true, subtree: true });
}

const host = document.getElementById('docs');
if (host) {
  const page = document.createElement('rapi-doc');
  for (const [name, value] of Object.entries(FIXED)) page.setAttribute(name, value);
  paint(page);
  host.append(page);
  dress(page);
  matchMedia(WIDE).addEventListener('change', () => paint(page));
}
