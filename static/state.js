// The model of this tab, wired to the browser it runs in. Holds no logic: the parts are in state/.

import { createModel } from './state/model.js';

const { model, boot, stored, wire } = createModel({
  origin: location.origin,
  surroundings: { location, history, addEventListener: (type, fn) => addEventListener(type, fn) },
  storage: storageOrMemory(),
  locks: /** @type {any} */ (navigator.locks ?? null),
  channel: typeof BroadcastChannel === 'function' ? new BroadcastChannel('charge') : null,
  fetch: (...args) => fetch(...args),
  WebSocket,
  now: Date.now,
  random: Math.random,
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (timer) => clearTimeout(timer),
});

addEventListener('storage', (event) => stored(event.key));
addEventListener('online', () => model.reconnectNow());
addEventListener('pageshow', () => model.reconnectNow());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') model.reconnectNow();
});
void boot();

/** localStorage, or what behaves like it where a browser withholds it. @returns {import('./outbox.js').Store} */
function storageOrMemory() {
  try {
    localStorage.getItem('charge');
    return localStorage;
  } catch {
    const map = new Map();
    return {
      get length() { return map.size; },
      key: (i) => [...map.keys()][i] ?? null,
      getItem: (k) => map.get(k) ?? null,
      setItem: (k, v) => { map.set(k, v); },
      removeItem: (k) => { map.delete(k); },
    };
  }
}

/** `wire` carries voice: `request`, `notify` and `on` of protocol.js. */
export { model, wire };
