// Draws the PNG icons from static/icon.svg with the browser of the gallery:
//   node e2e/gallery/icons.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(process.env.NODE_PATH ? `${process.env.NODE_PATH}/` : import.meta.url);
const { chromium } = require('playwright-core');
const STATIC = fileURLToPath(new URL('../../static/', import.meta.url));
const svg = readFileSync(`${STATIC}icon.svg`, 'utf8');
// A maskable icon may be cut to a circle: no round corners, and the mark inside the middle 80%.
const maskable = svg.replace(' rx="16"', '').replace('<path ', '<path transform="translate(12.800 12.800) scale(0.6)" ');

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
for (const [name, size, source] of [['icon-192', 192, svg], ['icon-512', 512, svg], ['icon-maskable', 512, maskable]]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const address = `data:image/svg+xml;base64,${Buffer.from(source).toString('base64')}`;
  await page.setContent(`<body style="margin:0"><img src="${address}" width="${size}" height="${size}" style="display:block">`);
  writeFileSync(`${STATIC}${name}.png`, await page.screenshot({ omitBackground: true }));
  await page.close();
}
await browser.close();
