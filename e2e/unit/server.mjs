// A server in memory that speaks the contract to one model under test: REST through `fetch`, the log through sockets.
// Just enough of it; it has no opinion on anything the tests do not ask for.
import { fakeSockets, timeOf } from './fakes.mjs';

export class FakeServer {
  constructor() {
    this.me = { id: 'u1', username: 'ada', display_name: 'Ada', guest: false, settings: { density: 'cosy', unknown: 1 } };
    this.signedIn = true;
    this.reachable = true;
    this.epoch = 'e1';
    this.tokens = 0;
    this.calls = [];
    this.channels = new Map();
    this.members = [{ user: 'u1', name: 'Ada', username: 'ada', role: 'owner' }, { user: 'u2', name: 'Bo', username: 'bo', role: 'member' }];
    this.rooms = [];
    this.refuse = null;
    this.hold = null;
    this.addRoom('den', 'The Den');
    this.Socket = fakeSockets((socket, frame) => queueMicrotask(() => this.command(socket, frame)), (socket) => queueMicrotask(() => {
      if (!this.reachable) socket.end(1006);
      else socket.hello({ user: this.me });
    }));
    this.fetch = (path, init) => this.answer(path, init);
  }

  addRoom(slug, title) {
    const room = { id: `r-${slug}`, slug, title, role: 'owner', topic: null, channels: [] };
    this.rooms.push(room);
    this.addChannel(room, 'a', 'general', 'text');
    this.addChannel(room, 'b', 'lounge', 'voice');
    return room;
  }

  addChannel(room, letter, name, kind) {
    const channel = { id: `${room.slug}-${letter}`, letter, name, kind, topic: null, log: [], read: 0 };
    room.channels.push(channel);
    this.channels.set(channel.id, channel);
    return channel;
  }

  view({ log, read, ...c }) {
    const others = log.filter((e) => e.ev === 'message.new' && e.seq > read && e.d.author.id !== this.me.id);
    return { ...c, head: log.length, unread: others.length, mentions: others.filter((e) => e.d.mentions.includes(this.me.id)).length };
  }

  /** Commits an event and tells the live session. */
  commit(ch, ev, d) {
    const { log } = this.channels.get(ch);
    const seq = log.length + 1;
    log.push({ ev, ch, seq, d: ev === 'message.new' ? { ...d, seq } : d });
    const socket = this.Socket.last;
    if (socket?.closedWith === null && socket.subs?.has(ch)) socket.bring(log.at(-1));
    return seq;
  }

  say(ch, text, more = {}) {
    const n = this.channels.get(ch).log.length + 1;
    return this.commit(ch, 'message.new', {
      id: `${ch}-m${n}`, channel: ch, author: { id: 'u2', name: 'Bo' }, text, reply_to: null, created_at: timeOf(n), edited_at: null, deleted: false, reactions: [], mentions: [], pinned: false, ...more,
    });
  }

  /** Tells the live session something that is no part of a log. */
  tell(ev, d, ch) {
    this.Socket.last.bring({ ev, ...(ch ? { ch } : {}), d });
  }

  messages(ch) {
    const all = [];
    for (const { ev, d } of this.channels.get(ch).log) {
      const i = all.findIndex((m) => m.id === d.message);
      if (ev === 'message.new') all.push({ ...d });
      else if (ev === 'message.edit') all[i] = { ...all[i], text: d.text, edited_at: d.edited_at };
      else if (ev === 'message.delete') all[i] = { ...all[i], text: '', deleted: true };
    }
    return all;
  }

  command(socket, { id, op, ch, d }) {
    const reply = (ok) => socket.bring({ id, ok });
    const refuse = (code, more = {}) => socket.bring({ id, err: { code, message: code, ...more } });
    if (op === 'sub') {
      socket.subs ??= new Set();
      if (d.some((s) => !this.channels.has(s.ch))) return refuse('not_found');
      return reply(d.map(({ ch: c, epoch, after }) => {
        const { log } = this.channels.get(c);
        socket.subs.add(c);
        const recovered = after === undefined || (epoch === this.epoch && log.length - after <= 300);
        return { ch: c, epoch: this.epoch, head: log.length, recovered, events: recovered && after !== undefined ? log.slice(after) : [] };
      }));
    }
    if (op === 'send') {
      if (this.refuse) return refuse(this.refuse);
      const { log } = this.channels.get(ch);
      const known = log.find((e) => e.key === d.key);
      if (!known) {
        const seq = this.say(ch, d.text, { author: { id: this.me.id, name: this.me.display_name }, reply_to: d.reply_to ?? null });
        log[seq - 1].key = d.key;
      }
      const event = known ?? log.at(-1);
      if (this.hold === 'answers') return undefined;
      return reply({ seq: event.seq, message: event.d, duplicate: known !== undefined });
    }
    if (op === 'read') this.channels.get(ch).read = Math.max(this.channels.get(ch).read, d.upto);
    if (op === 'edit') return reply({ seq: this.commit(ch, 'message.edit', { message: d.message, text: d.text, edited_at: timeOf(99), by: this.me.id }) });
    return id === undefined ? undefined : reply({});
  }

  async answer(path, { method, body }) {
    const url = new URL(path, 'http://x');
    const call = { method, path: url.pathname, query: Object.fromEntries(url.searchParams), body: body && JSON.parse(body) };
    this.calls.push(call);
    if (!this.reachable) throw new TypeError('fetch failed');
    await new Promise((done) => setImmediate(done));
    const [status, answer] = this.route(call);
    return new Response(answer === undefined ? null : JSON.stringify(answer), { status });
  }

  route({ method, path, query, body }) {
    const parts = path.split('/').slice(2);
    const session = () => ({ user: this.me, access_token: `tok${++this.tokens}`, expires_in: 1800 });
    if (path === '/api/config/client') return [200, { name: 'Test', registration: 'invite', message_max_length: 2000, version: '0' }];
    if (path === '/api/auth/refresh') return this.signedIn ? [200, session()] : [401, { code: 'unauthenticated' }];
    if (path === '/api/auth/logout') { this.signedIn = false; return [204, undefined]; }
    if (parts[0] === 'auth') { this.signedIn = true; return [200, { ...session(), ...(parts[1] === 'guest' ? { room: this.rooms[0] } : {}) }]; }
    if (!this.signedIn) return [401, { code: 'unauthenticated' }];
    if (path === '/api/me') { if (method === 'PATCH') Object.assign(this.me, body); return [200, this.me]; }
    if (path === '/api/rooms' && method === 'POST') {
      const room = this.addRoom(body.slug ?? 'made', body.title);
      return [201, { ...room, channels: room.channels.map((c) => this.view(c)) }];
    }
    if (path === '/api/rooms') return [200, { rooms: this.rooms.map(({ id, slug, title, role }) => ({ id, slug, title, role })) }];
    if (parts[0] === 'rooms') {
      const room = this.rooms.find((r) => r.slug === parts[1]);
      if (!room) return [404, { code: 'not_found', detail: 'No such room.' }];
      if (parts[2] === 'members' && method === 'GET') return [200, { members: this.members }];
      if (parts[2] === 'invites' && method === 'POST') return [201, { token: 'inv1', url: 'http://x/i/inv1' }];
      if (method === 'DELETE') { this.rooms = this.rooms.filter((r) => r !== room); return [204, undefined]; }
      return [200, { ...room, channels: room.channels.map((c) => this.view(c)) }];
    }
    if (parts[2] === 'history') {
      const all = this.messages(parts[1]).filter((m) => m.seq < Number(query.before ?? Infinity));
      const limit = Number(query.limit);
      return [200, { messages: all.slice(-limit), has_more: all.length > limit, head: this.channels.get(parts[1]).log.length, epoch: this.epoch }];
    }
    return [200, {}];
  }
}
