// The REST client and the routes: one refresh for all who ask, one retry, failures fit to show, secrets out of sight.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api, RequestFailure, retryAfter } from '../../static/api.js';
import { Router, format, parse } from '../../static/router.js';
import { FakeAir, FakeClock, FakeLocks, jwt, settle } from './fakes.mjs';

/** A tab whose server is `serve({method, path, token, body})` -> [status, body, headers?]. */
function tab(serve, shared = {}) {
  const clock = shared.clock ?? new FakeClock();
  const calls = [];
  const api = new Api({
    now: clock.now, setTimeout: clock.setTimeout, locks: shared.locks ?? null, channel: shared.air?.join() ?? null,
    fetch: async (path, { method, headers, body }) => {
      const call = { method, path, token: headers.authorization?.slice(7) ?? null, body: body && JSON.parse(body) };
      calls.push(call);
      const [status, answer, more = {}] = await serve(call);
      return new Response(answer === undefined ? null : typeof answer === 'string' ? answer : JSON.stringify(answer), { status, headers: more });
    },
  });
  const ends = [];
  api.onSession = (why) => ends.push(why);
  return { api, clock, calls, ends };
}

const session = (token, user = 'u1', expires_in = 1800) => ({ user: { id: user }, access_token: token, token_type: 'Bearer', expires_in });

test('sign-in asks for the cookie, and the token goes with every request', async () => {
  const { api, calls } = tab(async ({ path }) => (path === '/api/auth/login' ? [200, session('t1')] : [200, { rooms: [] }]));
  await api.signIn({ username: 'ada', password: 'correct horse' });
  assert.deepEqual(calls[0].body, { username: 'ada', password: 'correct horse', cookie: true });
  assert.equal(calls[0].token, null);
  assert.deepEqual(await api.get('/api/rooms'), { rooms: [] });
  assert.equal(calls[1].token, 't1');
});

test('many requests at the start share one refresh', async () => {
  const { api, calls } = tab(async ({ path }) => (path === '/api/auth/refresh' ? [200, session('t1')] : [200, {}]));
  await Promise.all([api.get('/a'), api.get('/b'), api.token(), api.get('/c')]);
  assert.equal(calls.filter((c) => c.path === '/api/auth/refresh').length, 1);
  assert.deepEqual(calls[0].body, { cookie: true });
});

test('a 401 is answered with one refresh and one retry, no more', async () => {
  let n = 0;
  let good = 't2';
  const { api, calls } = tab(async ({ path, token }) => {
    if (path === '/api/auth/refresh') return [200, session(`t${++n}`)];
    return token === good ? [200, { fine: true }] : [401, { code: 'unauthenticated' }];
  });
  assert.deepEqual(await api.get('/x'), { fine: true });
  assert.deepEqual(calls.map((c) => c.path), ['/api/auth/refresh', '/x', '/api/auth/refresh', '/x']);
  good = 'never';
  await assert.rejects(api.get('/x'), { status: 401, code: 'unauthenticated' });
  assert.equal(calls.length, 7);
});

test('a token about to expire is replaced before it is used', async () => {
  let n = 0;
  const { api, clock, calls } = tab(async ({ path }) => (path === '/api/auth/refresh' ? [200, session(`t${++n}`, 'u1', 60)] : [200, {}]));
  await api.get('/x');
  await clock.advance(41_000);
  await api.get('/x');
  assert.deepEqual(calls.map((c) => c.token), [null, 't1', null, 't2']);
});

test('no session: null, no loop; a session that ends says so once', async () => {
  for (const status of [400, 403, 404, 422]) assert.equal(await tab(async () => [status, {}]).api.token(), null, String(status));
  const out = tab(async () => [401, { code: 'unauthenticated' }]);
  assert.equal(await out.api.token(), null);
  assert.deepEqual(out.ends, []);
  await assert.rejects(out.api.get('/x'), { code: 'unauthenticated' });
  let dead = false;
  const ended = tab(async ({ path }) => (path === '/api/auth/refresh' ? (dead ? [401, {}] : [200, session('t1')]) : dead ? [401, {}] : [200, {}]));
  await ended.api.get('/x');
  dead = true;
  await assert.rejects(ended.api.get('/x'));
  assert.deepEqual(ended.ends, ['lost']);
});

test('an unreachable or broken server does not end the session', async () => {
  for (const answer of [() => { throw new TypeError('fetch failed'); }, async () => [503, {}], async () => [429, {}, { 'retry-after': '7' }], async () => [200, '<html>']]) {
    const { api, ends } = tab(answer);
    api.access = { token: 't1', expiresAt: 0, user: 'u1' };
    await assert.rejects(api.token(), (e) => e instanceof RequestFailure && e.code !== 'unauthenticated' && e.message !== '');
    assert.equal(api.access.token, 't1');
    assert.deepEqual(ends, []);
  }
});

test('problem+json becomes a failure with fields, words and Retry-After', async () => {
  const problem = { type: 'about:blank', title: 'Unprocessable', status: 422, detail: 'The name is taken.', code: 'conflict', errors: [{ field: 'username', message: 'taken' }, { pointer: '#/password', detail: 'too short' }, null, 5] };
  const { api } = tab(async ({ path }) => (path === '/p' ? [422, problem] : path === '/r' ? [429, {}, { 'retry-after': '12' }] : [502, '<html>Bad gateway</html>']));
  await assert.rejects(api.open('/p'), { code: 'conflict', status: 422, message: 'The name is taken.', fields: { username: 'taken', password: 'too short' }, retryAfter: null });
  await assert.rejects(api.open('/r'), { code: 'rate_limited', status: 429, retryAfter: 12 });
  await assert.rejects(api.open('/x'), { code: 'unavailable', status: 502 });
  assert.equal(retryAfter('Wed, 21 Oct 2026 07:28:10 GMT', Date.parse('2026-10-21T07:28:00Z')), 10);
  assert.equal(retryAfter('soon', 0), null);
});

test('tabs share one refresh', async () => {
  const shared = { air: new FakeAir(), locks: new FakeLocks(), clock: new FakeClock() };
  let refreshes = 0;
  const serve = async ({ path }) => {
    if (path !== '/api/auth/refresh') return [200, {}];
    await settle();
    return [200, session(`t${++refreshes}`)];
  };
  const tabs = [tab(serve, shared), tab(serve, shared), tab(serve, shared)];
  for (const t of tabs) t.api.access = { token: 'old', expiresAt: 0, user: 'u1' };
  const all = Promise.all(tabs.map((t) => t.api.token('old')));
  await shared.clock.advance(1000);
  assert.deepEqual((await all).map((a) => a.token), ['t1', 't1', 't1']);
  assert.equal(refreshes, 1);
});

test('signing out reaches the other tabs; another person’s session too', async () => {
  const shared = { air: new FakeAir() };
  const serve = async ({ path, body }) => (path === '/api/auth/login' ? [200, session(jwt(9e9, body.username), body.username)] : [204, undefined]);
  const [one, two, idle] = [tab(serve, shared), tab(serve, shared), tab(serve, shared)];
  await one.api.signIn({ username: 'u1', password: 'x' });
  await two.api.signIn({ username: 'u1', password: 'x' });
  await settle();
  assert.deepEqual([one.ends, two.ends], [[], []]);
  await two.api.signIn({ username: 'u2', password: 'x' });
  await settle();
  assert.deepEqual(one.ends, ['changed']);
  assert.equal(await one.api.signOut(), true);
  await settle();
  assert.deepEqual(two.ends, ['left']);
  assert.deepEqual(idle.ends, []);
  assert.equal(idle.api.access, null);
});

test('a sign-out that the server did not hear says so', async () => {
  assert.equal(await tab(async () => { throw new TypeError('offline'); }).api.signOut(), false);
  assert.equal(await tab(async () => [503, {}]).api.signOut(), false);
  assert.equal(await tab(async () => [401, {}]).api.signOut(), true);
});

/** A window with an address bar. */
function bar(url) {
  const at = new URL(url, 'https://x');
  const steps = [];
  const listeners = [];
  const go = (kind) => (_, __, path) => {
    steps.push([kind, path]);
    const to = new URL(path, 'https://x');
    Object.assign(location, { pathname: to.pathname, hash: to.hash });
  };
  const location = { pathname: at.pathname, hash: at.hash };
  return { location, steps, history: { pushState: go('push'), replaceState: go('replace') }, addEventListener: (_, fn) => listeners.push(fn), back: (path) => { go('back')(0, 0, path); listeners.forEach((fn) => fn()); } };
}

test('routes and addresses are each other’s inverse', () => {
  const routes = [{ name: 'home' }, { name: 'signin' }, { name: 'register' }, { name: 'invite', token: 'aZ-_09' }, { name: 'room', slug: 'book-club', letter: null }, { name: 'room', slug: 'café', letter: 'c' }];
  for (const route of routes) assert.deepEqual(parse({ pathname: format(route) }), route);
  for (const path of ['/nope', '/r', '/r/', '/r/%E0%A4%A', '/r/a b', '/i', '/i/a/b', '/i/<x>', '/signin/x', '//evil.example', '/r/a/b/c']) assert.deepEqual(parse({ pathname: path }), { name: 'home' }, path);
  assert.deepEqual(parse({ pathname: '/r/x/B7' }), { name: 'room', slug: 'x', letter: null });
});

test('the setup token leaves the address bar at once', () => {
  const window = bar('/setup#S3cret_t0ken');
  const router = new Router(window, () => {});
  assert.deepEqual(router.route, { name: 'setup', token: 'S3cret_t0ken' });
  assert.deepEqual(window.steps, [['replace', '/setup']]);
  assert.equal(window.location.hash, '');
});

test('going somewhere adds one step, going nowhere none, and back is heard', () => {
  const window = bar('/');
  const heard = [];
  const router = new Router(window, (r) => heard.push(r.name));
  router.navigate({ name: 'room', slug: 'x', letter: 'a' });
  router.navigate({ name: 'room', slug: 'x', letter: 'a' });
  router.navigate({ name: 'signin' }, { replace: true });
  assert.deepEqual(window.steps.map(([k]) => k), ['push', 'replace', 'replace']);
  window.back('/');
  assert.deepEqual(heard, ['room', 'signin', 'home']);
});
