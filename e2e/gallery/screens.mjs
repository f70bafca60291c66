// Every screen and state of the gallery: where it is and what is pressed to get there.

const ROOM = '/r/foxglove/b';
const LIST = '/r/foxglove';

const button = (name) => (page) => page.getByRole('button', { name, exact: true }).first().click();
const openSettings = (section) => async (page, narrow) => {
  if (narrow) await page.goto(page.url().replace(ROOM, LIST));
  await button('Settings')(page);
  if (narrow || section !== 'Profile') await page.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name: section }).click();
};
const roomMenu = (item) => async (page, narrow) => {
  if (narrow) await page.goto(page.url().replace(ROOM, LIST));
  await page.locator('.room-switch').click();
  if (item) await page.getByRole('menuitem', { name: item }).click();
};
const roomSettings = (section) => async (page, narrow) => {
  await roomMenu('Room settings')(page, narrow);
  await page.getByRole('navigation', { name: 'Room settings' }).getByRole('button', { name: section }).click();
};
const members = async (page, narrow) => {
  if (narrow) await button('Members')(page);
};

/** @type {{ name: string, at?: string, screen?: string, steps?: (page: any, narrow: boolean) => Promise<void> }[]} */
export const SCREENS = [
  { name: 'chat', at: ROOM },
  { name: 'list', at: LIST, screen: 'chat' },
  { name: 'empty', at: ROOM },
  { name: 'empty-member', at: ROOM },
  { name: 'offline', at: ROOM, steps: (page) => page.getByText('Reconnecting').waitFor() },
  { name: 'pending', at: ROOM },
  { name: 'long', at: ROOM },
  { name: 'long-up', at: ROOM, screen: 'long', steps: async (page) => {
    await page.locator('.message-scroll').evaluate((box) => (box.scrollTop -= 900));
    await page.waitForTimeout(100);
    await page.evaluate(() => gallery.model.send('Something new while you read'));
  } },
  { name: 'older', at: ROOM, steps: (page) => page.locator('.message-scroll').evaluate((box) => (box.scrollTop = 0)) },
  { name: 'gap', at: ROOM },
  { name: 'reload', at: ROOM },
  { name: 'messages-loading', at: ROOM },
  { name: 'messages-fault', at: ROOM },
  { name: 'reply', at: ROOM },
  { name: 'draft', at: ROOM },
  { name: 'near', at: ROOM },
  { name: 'over', at: ROOM },
  { name: 'closed', at: ROOM },
  { name: 'member', at: ROOM },
  { name: 'guest', at: ROOM },
  { name: 'long-names', at: ROOM },
  { name: 'crowd', at: ROOM, steps: members },
  { name: 'no-channel', at: '/r/foxglove/z', screen: 'chat' },
  { name: 'actions', at: ROOM, screen: 'member', steps: async (page) => {
    await page.locator('.message-scroll').focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
  } },
  { name: 'members', at: ROOM, screen: 'chat', steps: members },
  { name: 'member-menu', at: ROOM, screen: 'chat', steps: async (page, narrow) => {
    await members(page, narrow);
    await page.locator('button.member', { hasText: 'Jonas' }).click();
  } },
  { name: 'room-menu', at: ROOM, screen: 'chat', steps: roomMenu() },
  { name: 'leave', at: ROOM, screen: 'member', steps: roomMenu('Leave room') },
  { name: 'invite-dialog', at: ROOM, screen: 'empty', steps: async (page, narrow) => {
    await members(page, narrow);
    await button('Invite people')(page);
  } },
  { name: 'invite-made', at: ROOM, steps: async (page, narrow) => {
    await members(page, narrow);
    await button('Invite people')(page);
  } },
  { name: 'new-channel', at: LIST, screen: 'chat', steps: button('New channel') },
  { name: 'channel-settings', at: ROOM, screen: 'chat', steps: button('Channel settings') },
  { name: 'channel-delete', at: ROOM, screen: 'chat', steps: async (page) => {
    await button('Channel settings')(page);
    await button('Delete')(page);
  } },
  { name: 'new-room', at: ROOM, screen: 'chat', steps: roomMenu('New room') },
  { name: 'room-overview', at: ROOM, screen: 'chat', steps: roomSettings('Overview') },
  { name: 'room-members', at: ROOM, screen: 'chat', steps: roomSettings('Members') },
  { name: 'room-invites', at: ROOM, screen: 'chat', steps: roomSettings('Invites') },
  { name: 'settings-list', at: LIST, screen: 'chat', steps: button('Settings') },
  { name: 'settings-profile', at: ROOM, screen: 'chat', steps: openSettings('Profile') },
  { name: 'settings-guest', at: ROOM, screen: 'guest', steps: openSettings('Profile') },
  { name: 'settings-appearance', at: ROOM, screen: 'chat', steps: openSettings('Appearance') },
  { name: 'settings-keyboard', at: ROOM, screen: 'chat', steps: openSettings('Keyboard') },
  { name: 'settings-sessions', at: ROOM, screen: 'chat', steps: openSettings('Sessions') },
  { name: 'settings-advanced', at: ROOM, screen: 'chat', steps: openSettings('Advanced') },
  { name: 'settings-delete', at: ROOM, screen: 'chat', steps: async (page, narrow) => {
    await openSettings('Advanced')(page, narrow);
    await button('Delete…')(page);
  } },
  { name: 'toasts', at: ROOM },
  { name: 'signin', at: '/signin' },
  { name: 'signin-wrong', at: '/signin', screen: 'signin', steps: async (page) => {
    await page.getByLabel('Username').fill('lea');
    await page.getByLabel('Password', { exact: true }).fill('not this one');
    await button('Sign in')(page);
    await page.getByRole('alert').getByText('do not match').waitFor();
  } },
  { name: 'signin-invite-only', at: '/signin' },
  { name: 'register', at: '/register' },
  { name: 'register-taken', at: '/register', screen: 'register', steps: async (page) => {
    await page.getByLabel('Username').fill('lea');
    await page.getByLabel('Password', { exact: true }).fill('a long password');
    await button('Create account')(page);
    await page.getByText('has this username already').waitFor();
  } },
  { name: 'register-closed', at: '/register' },
  { name: 'setup', at: '/setup#one-time' },
  { name: 'home', at: '/' },
  { name: 'home-rooms', at: '/', screen: 'chat' },
  { name: 'home-guest', at: '/' },
  { name: 'invite', at: '/i/Zk3v9sQpXb7LrT2mNw8yAg' },
  { name: 'invite-talking', at: '/i/Zk3v9sQpXb7LrT2mNw8yAg' },
  { name: 'invite-member', at: '/i/Zk3v9sQpXb7LrT2mNw8yAg', screen: 'member' },
  { name: 'invite-signin', at: '/i/Zk3v9sQpXb7LrT2mNw8yAg', screen: 'invite', steps: button('Sign in') },
  { name: 'invite-register', at: '/i/Zk3v9sQpXb7LrT2mNw8yAg', screen: 'invite', steps: button('create an account') },
  { name: 'invite-expired', at: '/i/x' },
  { name: 'invite-used', at: '/i/x' },
  { name: 'invite-banned', at: '/i/x' },
  { name: 'invite-gone', at: '/i/x' },
  { name: 'invite-fault', at: '/i/x' },
  { name: 'invite-loading', at: '/i/x' },
  { name: 'loading', at: ROOM },
  { name: 'not-ready', at: ROOM },
  { name: 'not-found', at: ROOM },
  { name: 'banned', at: ROOM },
  { name: 'room-fault', at: ROOM },
  { name: 'server-silent', at: ROOM },
  { name: 'kicked', at: ROOM },
  { name: 'ended', at: ROOM },
  { name: 'updated', at: ROOM },
  { name: 'docs', at: '/docs' },
];
