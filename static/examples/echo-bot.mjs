// A bot that repeats what is said in a channel, exactly once, over restarts of the server.
// Node 22 or newer. It signs in as an account of its own; the password comes from the environment, never from the
// command line:
//
//   CHARGE_URL=https://chat.example CHARGE_USERNAME=echo CHARGE_PASSWORD=... CHARGE_CHANNEL=<channel id> node echo-bot.mjs
import { Connection } from '../protocol.js';

const { CHARGE_URL: url, CHARGE_USERNAME: username, CHARGE_PASSWORD: password, CHARGE_CHANNEL: channel } = process.env;
if (!url || !username || !password || !channel) {
  console.error('Set CHARGE_URL, CHARGE_USERNAME, CHARGE_PASSWORD and CHARGE_CHANNEL.');
  process.exit(2);
}
if (typeof WebSocket === 'undefined') {
  console.error('This Node has no WebSocket: use Node 22, or start Node 20 with --experimental-websocket.');
  process.exit(2);
}
/** Messages that wait to be repeated; beyond it the bot leaves some out rather than grow. */
const MAX_WAITING = 100;
/** Errors that another attempt with the same key may cure. */
const PASSING = new Set(['disconnected', 'timeout', 'unavailable', 'busy', 'rate_limited']);

/** @type {{key: string, text: string, reply_to: number}[]} */
const waiting = [];
let busy = false;

/** Where it is signed in, as the server said last. @type {{token: string, expiresAt: number, refresh: string} | null} */
let session = null;
/** @type {Promise<{token: string, expiresAt: number} | null> | null} */
let renewing = null;

/** @param {string} path @param {object} body */
async function post(path, body) {
  const answer = await fetch(new URL(path, url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: answer.status, ok: answer.ok, body: /** @type {any} */ (answer.ok && answer.status !== 204 ? await answer.json() : null) };
}

/** Trades the refresh token, which is good for one use, or signs in; null: the account is refused. */
async function renew() {
  let answer = session ? await post('/api/auth/refresh', { refresh_token: session.refresh }) : null;
  if (!answer || answer.status === 401) {
    session = null;
    answer = await post('/api/auth/login', { username, password });
  }
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`sign-in answered ${answer.status}`);
  const { access_token, expires_in, refresh_token } = answer.body;
  session = { token: access_token, expiresAt: Date.now() + expires_in * 1000, refresh: refresh_token };
  return session;
}

/** A token that works for a while, asked for once for all who wait; `not` will not do. @param {string} [not] */
async function token(not) {
  if (session && session.token !== not && session.expiresAt - Date.now() > 20_000) return session;
  renewing ??= renew().finally(() => { renewing = null; });
  return renewing;
}

const connection = new Connection({
  url: `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/ws`,
  token,
  sync: async (ch, { epoch, after, limit }) => {
    const query = new URLSearchParams({ epoch, after: String(after), limit: String(limit) });
    const answer = await fetch(new URL(`/api/channels/${ch}/sync?${query}`, url), { headers: { authorization: `Bearer ${(await token())?.token}` } });
    if (!answer.ok) throw new Error(`sync answered ${answer.status}`);
    return /** @type {any} */ (await answer.json());
  },
  onState: ({ status, code, reason }) => {
    console.log(status, code ?? '', reason);
    if (status === 'online') void repeat();
    if (status === 'ended') process.exitCode = 1;
  },
});

connection.subscribe(channel, {
  onEvent: ({ ev, seq, d }) => {
    if (ev !== 'message.new' || d.author?.id === connection.session?.user?.id || waiting.length >= MAX_WAITING) return;
    // The key follows from the message, so that sending it again after a lost answer cannot double the echo.
    waiting.push({ key: `echo-${d.id}`, text: String(d.text), reply_to: seq });
    void repeat();
  },
  onGone: (code) => {
    console.error(`The channel is not to be seen: ${code}`);
    process.exitCode = 1;
    connection.stop();
  },
});

/** Sends what waits, in order, one at a time. */
async function repeat() {
  if (busy) return;
  busy = true;
  while (waiting[0]) {
    try {
      await connection.request('send', { ch: channel, d: waiting[0] });
      waiting.shift();
    } catch (error) {
      const { code, retryMs } = /** @type {import('../protocol.js').CommandError} */ (error);
      if (code === 'disconnected') break; // goes on when it is online again
      if (PASSING.has(code)) await new Promise((done) => { setTimeout(done, retryMs ?? 2000); });
      else console.error(`left out: ${code}`, waiting.shift()?.key);
    }
  }
  busy = false;
}

process.once('SIGINT', () => {
  connection.stop();
  if (session) void post('/api/auth/logout', { refresh_token: session.refresh }).catch(() => {});
});
connection.start();
