// @ts-check
// Two people, two browsers, one server, as the README promises it.
import { expect, test } from '@playwright/test';
import { inviteLink, joinByName, message, messages, say, setUp } from '../people.js';
import { Server } from '../server.js';

/** @type {Server} */
let server;
test.beforeEach(async () => { server = await Server.start(); });
test.afterEach(async () => { await server.stop(); });

test('from the setup link to a conversation that outlives reload and SIGKILL', async ({ browser }) => {
  const ada = await (await browser.newContext()).newPage();
  const mio = await (await browser.newContext()).newPage();
  await setUp(ada, server.setupLink ?? '');

  // A new room comes with text channel general and voice channel lounge.
  const channels = ada.getByRole('navigation', { name: 'Rooms and channels' });
  await expect(channels.getByRole('link', { name: 'general' })).toBeVisible();
  await expect(channels.getByText('lounge')).toBeVisible();

  const link = await inviteLink(ada);
  await joinByName(mio, link, 'Mio Tanaka');

  // Presence: each sees the other online.
  for (const page of [ada, mio]) {
    const members = page.getByRole('complementary', { name: 'Members' });
    await expect(members.getByRole('heading', { name: 'Online · 2' })).toBeVisible();
  }

  await say(ada, 'Hello Mio, do you read me?');
  await expect(message(mio, 'do you read me?')).toBeVisible();
  await say(mio, 'Loud and clear');
  await expect(message(ada, 'Loud and clear')).toBeVisible();

  // Typing shows and goes.
  await mio.getByRole('textbox', { name: /^Message #/ }).pressSequentially('hm');
  await expect(ada.getByText('Mio Tanaka is typing')).toBeVisible();
  await mio.getByRole('textbox', { name: /^Message #/ }).press('Enter');
  await expect(message(ada, 'hm')).toBeVisible();
  await expect(ada.getByText('Mio Tanaka is typing')).toBeHidden();

  // A reload shows the same history, once each.
  await mio.reload();
  await expect(messages(mio)).toHaveCount(3);
  await expect(message(mio, 'Hello Mio')).toHaveCount(1);

  // Killed and started again: the browsers come back by themselves and nothing is missing or doubled.
  await server.kill();
  await expect(ada.getByText('Reconnecting…')).toBeVisible();
  await say(ada, 'Typed while you were away');
  await server.boot();
  await expect(message(mio, 'Typed while you were away')).toBeVisible({ timeout: 30_000 });
  await expect(message(ada, 'Typed while you were away')).toHaveCount(1);
  await mio.reload();
  await expect(messages(mio)).toHaveCount(4);
  await expect(messages(ada)).toHaveCount(4);
});

test('the setup link works once', async ({ browser }) => {
  const ada = await (await browser.newContext()).newPage();
  await setUp(ada, server.setupLink ?? '');
  const eve = await (await browser.newContext()).newPage();
  await eve.goto(server.setupLink ?? '');
  await eve.getByLabel('Room name').fill('Mine');
  await eve.getByLabel('Username', { exact: true }).fill('eve');
  await eve.getByLabel('Password', { exact: true }).fill('another password');
  await eve.getByRole('button', { name: 'Open the room' }).click();
  await expect(eve.getByRole('alert')).toBeVisible();
  const token = new URL(server.setupLink ?? '').hash.slice(1);
  expect(server.output.split(token).length, 'printed once, logged never').toBe(2);
});

test('what is typed survives a reload while the server is away', async ({ browser }) => {
  const ada = await (await browser.newContext()).newPage();
  await setUp(ada, server.setupLink ?? '');
  await server.kill();
  await say(ada, 'Not lost');
  await ada.getByRole('textbox', { name: /^Message #/ }).fill('a draft');
  await server.boot();
  await ada.reload();
  await expect(message(ada, 'Not lost')).toHaveCount(1, { timeout: 30_000 });
  await expect(ada.getByRole('textbox', { name: /^Message #/ })).toHaveValue('a draft');
});

test('unread marks show in another channel and go when it is read', async ({ browser }) => {
  const ada = await (await browser.newContext()).newPage();
  const mio = await (await browser.newContext()).newPage();
  await setUp(ada, server.setupLink ?? '');
  await ada.getByRole('button', { name: 'New channel' }).click();
  await ada.getByRole('dialog').getByLabel(/name/i).fill('design');
  await ada.getByRole('dialog').getByRole('button', { name: /Create/ }).click();
  await expect(ada.getByRole('heading', { name: 'design', exact: true })).toBeVisible();
  await joinByName(mio, await inviteLink(ada), 'Mio');
  await say(ada, 'News for you');
  const design = mio.getByRole('navigation', { name: 'Rooms and channels' }).getByRole('link', { name: /design/ });
  await expect(design).toHaveAccessibleName(/unread/);
  await design.click();
  await expect(message(mio, 'News for you')).toBeVisible();
  await mio.getByRole('link', { name: /general/ }).click();
  await expect(design).not.toHaveAccessibleName(/unread/);
  // The marker is on the server: a reload agrees.
  await mio.reload();
  await expect(mio.getByRole('link', { name: /general/ })).toBeVisible();
  await expect(design).not.toHaveAccessibleName(/unread/);
});

test('someone who is removed is out at once', async ({ browser }) => {
  const ada = await (await browser.newContext()).newPage();
  const mio = await (await browser.newContext()).newPage();
  await setUp(ada, server.setupLink ?? '');
  await joinByName(mio, await inviteLink(ada), 'Mio');
  await ada.getByRole('complementary', { name: 'Members' }).getByRole('button', { name: /^Mio/ }).click();
  await ada.getByRole('menuitem', { name: /Remove from room/ }).click();
  await ada.getByRole('alertdialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await expect(mio.getByRole('textbox', { name: /^Message #/ })).toBeHidden();
  await expect(mio.getByText(/removed/i).first()).toBeVisible();
});

test('hostile names and messages run nothing', async ({ browser }) => {
  const context = await browser.newContext();
  const ada = await context.newPage();
  /** @type {string[]} */
  const executed = [];
  await context.exposeFunction('__pwned', (/** @type {string} */ what) => { executed.push(what); });
  ada.on('dialog', (dialog) => { executed.push(dialog.message()); void dialog.dismiss(); });
  await setUp(ada, server.setupLink ?? '', { name: '<img src=x onerror=__pwned(1)>', room: '"><svg onload=__pwned(2)>' });
  const payloads = [
    '<script>__pwned("a")</script>', '<img src=x onerror=__pwned("b")>', '[x](javascript:__pwned("c"))',
    '![x](x" onerror="__pwned(\'d\'))', '<a href="data:text/html,<script>parent.__pwned(1)</script>">x</a>',
    '[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)', '<svg/onload=__pwned("e")>',
    '`<img src=x onerror=__pwned("f")>`', '```\n<script>__pwned("g")</script>\n```', '[a](JaVaScRiPt:__pwned("h"))',
    '[a](java&#115;cript:__pwned("i"))', '<iframe srcdoc="<script>parent.__pwned(1)</script>">', '<https://x.org/"onmouseover=__pwned(1)>',
  ];
  for (const payload of payloads) await say(ada, payload);
  await expect(messages(ada)).toHaveCount(payloads.length);
  for (const link of await ada.getByRole('region', { name: /^Messages in/ }).getByRole('link').all()) {
    expect(await link.getAttribute('href')).toMatch(/^(https?|mailto):/i);
  }
  await ada.reload();
  await expect(messages(ada)).toHaveCount(payloads.length);
  expect(executed).toEqual([]);
});

test('everything is reachable by keyboard', async ({ page, browser }) => {
  await setUp(page, server.setupLink ?? '');
  const mio = await (await browser.newContext()).newPage();
  await joinByName(mio, await inviteLink(page), 'Mio');
  await say(page, 'first');
  await expect(message(page, 'first')).toBeVisible();
  // From the composer around the page and back, visiting the room menu, channels, messages, settings and members.
  const composer = page.getByRole('textbox', { name: /^Message #/ });
  const side = page.getByRole('navigation', { name: 'Rooms and channels' });
  const members = page.getByRole('complementary', { name: 'Members' });
  /** @type {[string, import('@playwright/test').Locator][]} */
  const wanted = [
    ['the room menu', side.getByRole('button', { name: /Foxglove/ })],
    ['a channel', side.getByRole('link', { name: 'general' })],
    ['a new channel', side.getByRole('button', { name: 'New channel' })],
    ['my settings', side.getByRole('button', { name: 'Settings', exact: true })],
    ['the channel\'s settings', page.getByRole('button', { name: 'Channel settings' })],
    ['the messages', page.getByRole('region', { name: 'Messages in general' })],
    ['an invite', members.getByRole('button', { name: 'Invite people' })],
    ['a member', members.getByRole('button', { name: /^Mio/ })],
    ['the composer again', composer],
  ];
  const reached = new Set();
  await composer.focus();
  for (let i = 0; i < 40 && reached.size < wanted.length; i++) {
    await page.keyboard.press('Tab');
    for (const [name, locator] of wanted) {
      if (await locator.evaluate((element) => element === document.activeElement)) reached.add(name);
    }
  }
  expect(wanted.map(([name]) => name).filter((name) => !reached.has(name)), 'not reached by Tab').toEqual([]);
  // From the list to a message and what can be done with it.
  await page.getByRole('region', { name: 'Messages in general' }).focus();
  await page.keyboard.press('ArrowUp');
  await expect(message(page, 'first')).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Reply to Ada Okafor' })).toBeFocused();
  // Settings opens, Escape closes it and the focus goes back.
  await page.getByRole('button', { name: 'Settings', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(page.getByRole('button', { name: 'Settings', exact: true })).toBeFocused();
});
