// @ts-check
// Every screen in both themes, on a desktop, a phone and at 320 px: accessible (axe), no sideways scrolling, and a
// picture of each in e2e/results/screens to look at.
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { inviteLink, joinByName, message, say, setUp } from '../people.js';
import { Server } from '../server.js';

const SIZES = {
  desktop: { width: 1280, height: 800 },
  mobile: { width: 390, height: 844 },
  narrow: { width: 320, height: 640 },
};

/** @typedef {import('@playwright/test').Page} Page */

/**
 * Looks at one screen in every theme and size, or only in `sizes`.
 * @param {Page} page @param {string} name @param {(size: string) => Promise<void>} [prepare] @param {(keyof typeof SIZES)[]} [sizes]
 */
async function look(page, name, prepare, sizes = ['desktop', 'mobile', 'narrow']) {
  for (const size of sizes) {
    await page.setViewportSize(SIZES[size]);
    await prepare?.(size);
    // The narrowest size adds no colours: one theme is enough there.
    for (const theme of /** @type {const} */ (size === 'narrow' ? ['light'] : ['light', 'dark'])) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await page.evaluate(() => document.fonts.ready);
      await page.screenshot({ path: `results/screens/${name}-${size}-${theme}.png` });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(wide, `${name} ${size} scrolls sideways`).toBeLessThanOrEqual(0);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(', ')}`), `${name} ${size} ${theme}`).toEqual([]);
    }
  }
  await page.setViewportSize(SIZES.desktop);
}

test('screens before signing in', async ({ browser }) => {
  test.setTimeout(180_000);
  const server = await Server.start();
  try {
    const page = await (await browser.newContext()).newPage();
    await page.goto(server.setupLink ?? '');
    await expect(page.getByRole('button', { name: 'Open the room' })).toBeVisible();
    await look(page, 'setup');
    await setUp(page, server.setupLink ?? '');
    const link = await inviteLink(page);
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(`${server.url}/signin`);
    await expect(stranger.getByRole('button', { name: 'Sign in' })).toBeVisible();
    await look(stranger, 'signin');
    await stranger.goto(`${server.url}/register`);
    await expect(stranger.getByRole('button', { name: 'Create account' })).toBeVisible();
    await look(stranger, 'register');
    await stranger.goto(link);
    await expect(stranger.getByRole('button', { name: 'Join room' })).toBeVisible();
    await look(stranger, 'join');
    await stranger.goto(`${server.url}/i/${'x'.repeat(24)}`);
    await expect(stranger.getByRole('heading', { name: 'This invite does not work' })).toBeVisible();
    await look(stranger, 'invite-gone');
  } finally {
    await server.stop();
  }
});

test('screens of a room', async ({ browser }) => {
  test.setTimeout(240_000);
  const server = await Server.start();
  try {
    const page = await (await browser.newContext()).newPage();
    await setUp(page, server.setupLink ?? '');
    await look(page, 'empty');
    const mio = await (await browser.newContext()).newPage();
    await joinByName(mio, await inviteLink(page), 'Mio Tanaka');
    await say(page, 'Morning all. The release candidate is up: **one click** to join, and it comes back on its own.');
    await say(page, 'Could someone on Firefox try it *during* a call?');
    await expect(message(mio, 'Could someone')).toBeVisible();
    await say(mio, 'On it. This is all it takes:\n```\ncurl -H "Authorization: Bearer $TOKEN" \\\n  https://rooms.example.org/api/rooms\n```');
    await say(mio, '@ada works for me, see https://example.org');
    await expect(message(page, 'works for me')).toBeVisible();
    await mio.getByRole('textbox', { name: /^Message #/ }).pressSequentially('so');
    await look(page, 'chat');
    await look(page, 'channels', async (size) => {
      if (size !== 'desktop') {
        const back = page.getByRole('button', { name: 'Back to channels' });
        if (await back.isVisible()) await back.click();
      }
    });
    await page.getByRole('link', { name: /general/ }).click();
    await look(page, 'members', async (size) => {
      if (size === 'desktop') return;
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Members', exact: true }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
    });
    await page.keyboard.press('Escape');

  } finally {
    await server.stop();
  }
});

test('screens of settings, and of a server that went away', async ({ browser }) => {
  test.setTimeout(240_000);
  const server = await Server.start();
  try {
    const page = await (await browser.newContext()).newPage();
    await setUp(page, server.setupLink ?? '');
    await say(page, 'Morning all.');
    await page.getByRole('button', { name: 'Settings', exact: true }).click();
    const tabs = page.getByRole('dialog').getByRole('navigation', { name: 'Settings' });
    await expect(page.getByRole('dialog')).toBeVisible();
    const names = await tabs.getByRole('button').allTextContents();
    for (const name of names) {
      await page.setViewportSize(SIZES.desktop);
      await tabs.getByRole('button', { name }).click();
      await look(page, `settings-${name.trim().toLowerCase().replace(/\W+/g, '-')}`);
    }
    await page.keyboard.press('Escape');

    await page.getByRole('navigation', { name: 'Rooms and channels' }).getByRole('button', { name: /Foxglove/ }).click();
    // A menu closes when the window changes its size.
    await look(page, 'room-menu', undefined, ['desktop']);
    await page.getByRole('menuitem', { name: 'Room settings' }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await look(page, 'room-settings');
    await page.keyboard.press('Escape');

    await server.kill();
    await expect(page.getByText('Reconnecting…')).toBeVisible();
    await look(page, 'reconnecting');
  } finally {
    await server.stop();
  }
});

test('the API page', async ({ page }) => {
  const server = await Server.start();
  try {
    await page.goto(`${server.url}/docs`);
    await expect(page.getByText('/api/auth/register').first()).toBeVisible();
    await page.screenshot({ path: 'results/screens/docs-desktop.png' });
  } finally {
    await server.stop();
  }
});
