// @ts-check
// The first run where strangers may not register: the setup link alone lets its holder in.
import { expect, test } from '@playwright/test';
import { message, say, setUp } from '../people.js';
import { Server } from '../server.js';

for (const registration of ['closed', 'invite']) {
  test(`the setup link works with REGISTRATION=${registration}`, async ({ page }) => {
    const server = await Server.start({ REGISTRATION: registration });
    try {
      await setUp(page, server.setupLink ?? '');
      await say(page, 'first');
      await expect(message(page, 'first')).toBeVisible();
      const refused = await page.request.post(`${server.url}/api/auth/register`, { data: { username: 'eve', password: 'another password' } });
      expect(refused.status(), 'nobody else may register').toBe(403);
    } finally {
      await server.stop();
    }
  });
}
