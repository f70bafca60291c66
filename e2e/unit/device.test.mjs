// The short names of devices in the list of sign-ins.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceOf } from '../../static/views/device.js';

test('browsers are named with their system; anything else as it names itself', () => {
  const like = (rest) => `Mozilla/5.0 (${rest}`;
  const names = {
    [like('X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')]: 'Firefox on Linux',
    [like('Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36')]: 'Chrome on Windows',
    [like('Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0')]: 'Edge on Windows',
    [like('Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15')]: 'Safari on macOS',
    [like('iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1')]: 'Safari on iOS',
    [like('Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36')]: 'Chrome on Android',
    'echo-bot/1.0': 'echo-bot/1.0',
    '': 'Unknown device',
  };
  for (const [agent, name] of Object.entries(names)) assert.equal(deviceOf(agent), name, agent);
  assert.equal(deviceOf(null), 'Unknown device');
});
