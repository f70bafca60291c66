// Stand-ins for what a browser brings: a clock that moves when told, sockets, storage, locks between tabs.
// Knows no test.

/** Time that passes only in `advance`. */
export class FakeClock {
  constructor() {
    this.time = 1_700_000_000_000;
    this.next = 1;
    this.timers = new Map();
    this.now = () => this.time;
    this.setTimeout = (fn, ms) => {
      const id = this.next++;
      this.timers.set(id, { at: this.time + ms, fn });
      return id;
    };
    this.clearTimeout = (id) => { this.timers.delete(id); };
  }

  /** Lets `ms` pass: timers fire in order, promises settle in between. */
  async advance(ms) {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].fn();
      await settle();
    }
    this.time = end;
    await settle();
  }
}

/** Lets promises settle. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise((done) => setImmediate(done));
}

/** A class of sockets that remembers all that were opened. `onSend(socket, frame)` may answer. */
export function fakeSockets(onSend = () => {}, onOpen = () => {}) {
  return class FakeSocket {
    static all = [];
    static get last() {
      return this.all.at(-1);
    }

    constructor(url, protocols) {
      Object.assign(this, { url, protocols, sent: [], closedWith: null, onmessage: null, onclose: null });
      this.constructor.all.push(this);
      onOpen(this);
    }

    send(text) {
      if (this.closedWith !== null) throw new Error('closed');
      const frame = JSON.parse(text);
      this.sent.push(frame);
      onSend(this, frame);
    }

    close(code) {
      this.closedWith ??= code ?? 1005;
    }

    /** The server sends. */
    bring(frame) {
      this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
    }

    /** The server closes. */
    end(code, reason = '') {
      this.closedWith ??= code;
      this.onclose?.({ code, reason });
    }

    hello(more = {}) {
      this.bring({ ev: 'hello', d: { v: 1, ping_ms: 25000, max_frame: 32768, session: 's1', user: { id: 'u1' }, ...more } });
    }

    /** Commands of this name. */
    of(op) {
      return this.sent.filter((f) => f.op === op);
    }
  };
}

export class FakeStorage {
  constructor() {
    this.map = new Map();
  }

  get length() {
    return this.map.size;
  }

  key(i) {
    return [...this.map.keys()][i] ?? null;
  }

  getItem(k) {
    return this.map.get(k) ?? null;
  }

  setItem(k, v) {
    this.map.set(k, String(v));
  }

  removeItem(k) {
    this.map.delete(k);
  }
}

/** navigator.locks, exclusive mode, shared by whoever holds the object. */
export class FakeLocks {
  constructor() {
    this.tails = new Map();
    this.held = new Map();
    this.most = 0;
  }

  async request(name, options, fn) {
    if (options.ifAvailable && (this.held.get(name) ?? 0) > 0) return fn(null);
    const before = this.tails.get(name) ?? Promise.resolve();
    this.held.set(name, (this.held.get(name) ?? 0) + 1);
    const work = before.then(() => fn({ name }));
    this.tails.set(name, work.catch(() => {}));
    try {
      return await work;
    } finally {
      this.held.set(name, this.held.get(name) - 1);
    }
  }
}

/** BroadcastChannels that hear each other. */
export class FakeAir {
  constructor() {
    this.channels = [];
  }

  join() {
    const channel = { onmessage: null, postMessage: (m) => this.channels.filter((c) => c !== channel).forEach((c) => queueMicrotask(() => c.onmessage?.({ data: structuredClone(m) }))) };
    this.channels.push(channel);
    return channel;
  }
}

/** A small deterministic generator (mulberry32), so that a failing case can be run again by its seed. */
export function randomFrom(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** An unsigned JWT that expires at `exp` (seconds). */
export function jwt(exp, sub = 'u1') {
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp, sub })}.x`;
}

/** The n-th second of a made-up day. */
export function timeOf(n) {
  return new Date(Date.UTC(2026, 0, 2, 9) + n * 1000).toISOString();
}
