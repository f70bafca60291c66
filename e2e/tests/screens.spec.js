// @ts-check
// Every screen in both themes, on a desktop, a phone and at 320 px: accessible (axe), no sideways scrolling, and a
// picture of each in e2e/results/screens to look at.
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { inviteLink, joinByName, message, PASSWORD, say, setUp } from '../people.js';
import { Server } from '../server.js';

const SIZES = {
  desktop: { width: 1280, height: 800 },
  mobile: { width: 390, height: 844 },
  narrow: { width: 320, height: 640 },
};

/** @typedef {import('@playwright/test').Page} Page */
/** @typedef {Partial<Record<keyof typeof SIZES, ('light' | 'dark')[]>>} Shots */

/** The narrowest size adds no colours: one theme is enough there. @type {Shots} */
const PAGE = { desktop: ['light', 'dark'], mobile: ['light', 'dark'], narrow: ['light'] };
/** Dialogs share one frame, which the settings show at every size. @type {Shots} */
const DIALOG = { desktop: ['light', 'dark'], mobile: ['light'] };
/** A menu closes when the window changes its size. @type {Shots} */
const MENU = { desktop: ['light', 'dark'] };

/**
 * Looks at one screen in the themes and sizes of `shots`.
 * @param {Page} page @param {string} name @param {Shots} [shots] @param {(size: string) => Promise<void>} [prepare]
 */
async function look(page, name, shots = PAGE, prepare = undefined) {
  for (const [size, themes] of Object.entries(shots)) {
    await page.setViewportSize(SIZES[/** @type {keyof typeof SIZES} */ (size)]);
    await prepare?.(size);
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await page.evaluate(() => document.fonts.ready);
      await page.screenshot({ path: `results/screens/${name}-${size}-${theme}.png`, animations: 'disabled' });
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
    await stranger.goto(`${server.url}/register`);
    await stranger.getByLabel('Your name').fill('Noor Haddad');
    await stranger.getByLabel('Username', { exact: true }).fill('noor');
    await stranger.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await stranger.getByRole('button', { name: 'Create account' }).click();
    await expect(stranger.getByRole('heading', { name: 'Hello, Noor Haddad' })).toBeVisible();
    await look(stranger, 'home');
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
    await look(page, 'channels', { mobile: ['light', 'dark'], narrow: ['light'] }, async (size) => {
      if (size === 'mobile') await page.getByRole('button', { name: 'Back to channels' }).click();
      await expect(page.getByRole('navigation', { name: 'Rooms and channels' }).getByRole('link', { name: 'general' })).toBeVisible();
      await expect(page.getByRole('textbox', { name: /^Message #/ })).toBeHidden();
    });
    await page.getByRole('link', { name: /general/ }).click();
    await look(page, 'members', { mobile: ['light', 'dark'], narrow: ['light'] }, async (size) => {
      if (size === 'mobile') await page.getByRole('button', { name: 'Members', exact: true }).click();
      await expect(page.getByRole('dialog', { name: 'Members' })).toBeVisible();
    });
  } finally {
    await server.stop();
  }
});

test('dialogs of a room', async ({ browser }) => {
  test.setTimeout(180_000);
  const server = await Server.start();
  try {
    const page = await (await browser.newContext()).newPage();
    await setUp(page, server.setupLink ?? '');
    const dialog = page.getByRole('dialog');
    const members = page.getByRole('complementary', { name: 'Members' });

    await members.getByRole('button', { name: 'Invite people' }).click();
    await expect(dialog.getByRole('button', { name: 'Make and copy a link' })).toBeVisible();
    await look(page, 'invite', DIALOG);
    await page.keyboard.press('Escape');
    const link = await inviteLink(page);
    await members.getByRole('button', { name: 'Invite people' }).click();
    await expect(dialog.getByLabel('Invite link', { exact: true })).toHaveValue(link);
    await look(page, 'invite-link', DIALOG);
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'New channel' }).click();
    await expect(page.getByRole('dialog', { name: 'New channel' })).toBeVisible();
    await look(page, 'new-channel', DIALOG);
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'Channel settings' }).click();
    await expect(page.getByRole('dialog', { name: '#general' })).toBeVisible();
    await look(page, 'channel-settings', DIALOG);
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await expect(page.getByRole('alertdialog', { name: 'Delete #general?' })).toBeVisible();
    await look(page, 'channel-delete', DIALOG);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();

    await page.getByRole('navigation', { name: 'Rooms and channels' }).getByRole('button', { name: /Foxglove/ }).click();
    await page.getByRole('menuitem', { name: 'New room' }).click();
    await expect(page.getByRole('dialog', { name: 'New room' })).toBeVisible();
    await look(page, 'new-room', DIALOG);
    await page.keyboard.press('Escape');

    const mio = await (await browser.newContext()).newPage();
    await joinByName(mio, link, 'Mio Tanaka');
    await members.getByRole('button', { name: /^Mio Tanaka/ }).click();
    await expect(page.getByRole('menuitem', { name: /Remove from room/ })).toBeVisible();
    await look(page, 'member-menu', MENU);
    await page.getByRole('menuitem', { name: /Remove from room/ }).click();
    await expect(page.getByRole('alertdialog', { name: 'Remove Mio Tanaka?' })).toBeVisible();
    await look(page, 'member-remove', DIALOG);

    await mio.getByRole('button', { name: 'Settings', exact: true }).click();
    await expect(mio.getByRole('heading', { name: 'Keep this name' })).toBeVisible();
    await look(mio, 'guest-profile', DIALOG);
    await mio.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name: 'Sessions' }).click();
    await mio.getByRole('button', { name: 'Sign out', exact: true }).click();
    await expect(mio.getByRole('alertdialog', { name: 'Sign out as a guest?' })).toBeVisible();
    await look(mio, 'guest-sign-out', DIALOG);
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
    expect(names.length, names.join(', ')).toBeGreaterThan(2);
    for (const name of names) {
      await page.setViewportSize(SIZES.desktop);
      await tabs.getByRole('button', { name }).click();
      await expect(page.getByRole('dialog', { name })).toBeVisible();
      await look(page, `settings-${name.trim().toLowerCase().replace(/\W+/g, '-')}`);
    }
    await look(page, 'settings-list', { mobile: ['light'] }, async () => {
      await page.getByRole('button', { name: 'Back to settings' }).click();
      await expect(tabs.getByRole('button')).toHaveCount(names.length);
    });
    await page.keyboard.press('Escape');

    await page.getByRole('navigation', { name: 'Rooms and channels' }).getByRole('button', { name: /Foxglove/ }).click();
    await look(page, 'room-menu', MENU);
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
  test.setTimeout(180_000);
  const server = await Server.start();
  try {
    await page.goto(`${server.url}/docs`);
    await expect(page.getByText('/api/auth/register').first()).toBeVisible();
    // Every operation stands on one page on a phone, which axe reads for long.
    await look(page, 'docs', { desktop: ['light', 'dark'], mobile: ['light'] });
  } finally {
    await server.stop();
  }
});
