// A bot that repeats what is said in a channel, exactly once, over restarts of the server.
// Node 22 or newer. Its token comes from the environment, never from the command line:
//
//   CHARGE_URL=https://chat.example CHARGE_TOKEN=... CHARGE_CHANNEL=<channel id> node echo-bot.mjs
import { Connection } from '../protocol.js';

const { CHARGE_URL, CHARGE_TOKEN, CHARGE_CHANNEL } = process.env;
if (!CHARGE_URL || !CHARGE_TOKEN || !CHARGE_CHANNEL) {
  console.error('Set CHARGE_URL, CHARGE_TOKEN and CHARGE_CHANNEL.');
  process.exit(2);
}
const channel = CHARGE_CHANNEL;
const token = CHARGE_TOKEN;
/** Messages that wait to be repeated; beyond it the bot leaves some out rather than grow. */
const MAX_WAITING = 100;
/** Errors that another attempt with the same key may cure. */
const PASSING = new Set(['disconnected', 'timeout', 'unavailable', 'busy', 'rate_limited']);

/** @type {{key: string, text: string, reply_to: number}[]} */
const waiting = [];
let busy = false;

const connection = new Connection({
  url: `${CHARGE_URL.replace(/^http/, 'ws').replace(/\/$/, '')}/ws`,
  token: async () => token,
  sync: async (ch, { epoch, after, limit }) => {
    const query = new URLSearchParams({ epoch, after: String(after), limit: String(limit) });
    const answer = await fetch(new URL(`/api/channels/${ch}/sync?${query}`, CHARGE_URL), { headers: { authorization: `Bearer ${token}` } });
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

process.once('SIGINT', () => connection.stop());
connection.start();
