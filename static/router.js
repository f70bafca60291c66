// Addresses and routes: reads the address bar, writes it, and tells one listener. Never knows who is signed in or
// what a route shows. A secret in a fragment is read once and taken out of the address bar.

/** @typedef {import('./model.d.ts').Route} Route */
/**
 * @typedef {object} Surroundings what of `window` is used
 * @property {{pathname: string, hash: string}} location
 * @property {{pushState: (state: unknown, unused: string, url: string) => void, replaceState: (state: unknown, unused: string, url: string) => void}} history
 * @property {(type: 'popstate', fn: () => void) => void} addEventListener
 */

const SLUG = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,79}$/u;
const LETTER = /^[a-z]$/;
const TOKEN = /^[A-Za-z0-9._~-]{1,256}$/;

/** The route of an address; what cannot be read is home. @param {{pathname: string, hash?: string}} address @returns {Route} */
export function parse({ pathname, hash = '' }) {
  const parts = pathname.split('/').filter((part) => part !== '').map(decode);
  const [first, second = '', third] = parts;
  if (first === 'signin' && parts.length === 1) return { name: 'signin' };
  if (first === 'register' && parts.length === 1) return { name: 'register' };
  if (first === 'setup' && parts.length === 1) {
    const token = decode(hash.replace(/^#/, ''));
    return { name: 'setup', token: TOKEN.test(token) ? token : '' };
  }
  if (first === 'i' && parts.length === 2 && TOKEN.test(second)) return { name: 'invite', token: second };
  if (first === 'r' && parts.length <= 3 && SLUG.test(second)) {
    return { name: 'room', slug: second, letter: third !== undefined && LETTER.test(third) ? third : null };
  }
  return { name: 'home' };
}

/** The path of a route; a setup token stays out of it. @param {Route} route */
export function format(route) {
  switch (route.name) {
    case 'signin': return '/signin';
    case 'register': return '/register';
    case 'setup': return '/setup';
    case 'invite': return `/i/${encodeURIComponent(route.token)}`;
    case 'room': return `/r/${encodeURIComponent(route.slug)}${route.letter === null ? '' : `/${route.letter}`}`;
    default: return '/';
  }
}

export class Router {
  /** @param {Surroundings} surroundings @param {(route: Route) => void} onRoute after every change but the first */
  constructor(surroundings, onRoute) {
    this.surroundings = surroundings;
    this.onRoute = onRoute;
    this.route = parse(surroundings.location);
    if (surroundings.location.hash !== '' && this.route.name === 'setup') {
      surroundings.history.replaceState(null, '', format(this.route));
    }
    surroundings.addEventListener('popstate', () => this.moved());
  }

  /** @param {Route} route @param {{replace?: boolean}} [options] */
  navigate(route, { replace = false } = {}) {
    const path = format(route);
    const { history } = this.surroundings;
    // Going where one is already adds no step back.
    if (replace || path === format(this.route)) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
    this.set(route);
  }

  /** The address changed under us: back, forward, or a typed fragment. */
  moved() {
    const route = parse(this.surroundings.location);
    if (route.name === 'setup') {
      if (route.token === '' && this.route.name === 'setup') return;
      this.surroundings.history.replaceState(null, '', format(route));
    }
    this.set(route);
  }

  /** @param {Route} route */
  set(route) {
    if (JSON.stringify(route) === JSON.stringify(this.route)) return;
    this.route = route;
    this.onRoute(route);
  }
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
