// @ts-check
// What a person does in the browser, in their words. Owns the steps several tests share; never asserts beyond what
// a person would wait for.
import { expect } from '@playwright/test';

/** @typedef {import('@playwright/test').Page} Page */

export const PASSWORD = 'correct horse battery';

/** Opens the one-time link and makes the first account and room. @param {Page} page @param {string} link */
export async function setUp(page, link, { name = 'Ada Okafor', username = 'ada', room = 'Foxglove' } = {}) {
  await page.goto(link);
  await page.getByLabel('Room name').fill(room);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Username', { exact: true }).fill(username);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Open the room' }).click();
  await expect(page.getByRole('heading', { name: 'general', exact: true })).toBeVisible();
}

/** Makes an invite link in the dialog and answers it. @param {Page} page */
export async function inviteLink(page) {
  await page.getByRole('complementary', { name: 'Members' }).getByRole('button', { name: 'Invite people' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: /Make and copy a link|Make another link/ }).click();
  const field = dialog.getByLabel('Invite link', { exact: true });
  await expect(field).toHaveValue(/\/i\//);
  const link = await field.inputValue();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  return link;
}

/** Opens an invite link and joins with just a name. @param {Page} page @param {string} link @param {string} name */
export async function joinByName(page, link, name) {
  await page.goto(link);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join room' }).click();
  await expect(page.getByRole('heading', { name: 'general', exact: true })).toBeVisible();
}

/** @param {Page} page @param {string} text */
export async function say(page, text) {
  const composer = page.getByRole('textbox', { name: /^Message #/ });
  await composer.fill(text);
  await composer.press('Enter');
}

/** The messages of the open channel, as shown. @param {Page} page */
export function messages(page) {
  return page.getByRole('region', { name: /^Messages in/ }).getByRole('article');
}

/** The message with this text. @param {Page} page @param {string} text */
export function message(page, text) {
  return messages(page).filter({ hasText: text });
}
