// Draws every screen in both themes and three widths, looks for accessibility faults, sideways scrolling and
// errors in the console, and writes the pictures.
//   node e2e/gallery/run.mjs [--only <part of a name>] [--size desktop|mobile|tiny] [--theme light|dark] [--out <folder>] [--no-axe]
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { SCREENS } from './screens.mjs';
import { serve } from './server.mjs';

const require = createRequire(process.env.NODE_PATH ? `${process.env.NODE_PATH}/` : import.meta.url);
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const SIZES = {
  desktop: { viewport: { width: 1280, height: 800 } },
  mobile: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  tiny: { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true },
};
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    size: { type: 'string' },
    theme: { type: 'string' },
    out: { type: 'string', default: 'target/gallery' },
    'no-axe': { type: 'boolean', default: false },
  },
});

/** Faults of what is on the page now. */
async function faultsOf(page) {
  const found = [];
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) found.push(`scrolls sideways by ${wide} px`);
  const small = await page.evaluate(smallTargets);
  found.push(...small);
  if (!options['no-axe']) {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    for (const violation of violations) {
      for (const node of violation.nodes.slice(0, 3)) {
        found.push(`axe ${violation.id}: ${node.target.join(' ')} ${node.any[0]?.message ?? node.all[0]?.message ?? ''}`);
      }
    }
  }
  return found;
}

/** Controls below the least size: 32 px with a mouse, 44 px by touch. Runs in the page. */
function smallTargets() {
  const least = matchMedia('(max-width: 760px)').matches ? 44 : 32;
  const shown = [...document.querySelectorAll('button, a[href], select, input:not([type=radio]):not([type=checkbox])')];
  return shown.flatMap((item) => {
    const box = item.getBoundingClientRect();
    if (box.width === 0 || item.closest('[inert], .unseen, .prose, .quote') || item.classList.contains('quote')) return [];
    const tight = Math.min(box.width, box.height) < least - 0.5;
    return tight ? [`small target ${Math.round(box.width)}x${Math.round(box.height)}: ${item.getAttribute('aria-label') ?? item.textContent.trim()}`] : [];
  });
}

async function draw(browser, origin, screen, size, theme) {
  const context = await browser.newContext({ ...SIZES[size], colorScheme: theme, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC' });
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  try {
    await page.clock.install({ time: new Date('2026-11-19T10:45:00Z') });
    await page.clock.resume();
    const [path, hash = ''] = (screen.at ?? '/').split('#');
    await page.goto(`${origin}${path}?screen=${screen.screen ?? screen.name}&theme=${theme}${hash && `#${hash}`}`);
    await page.evaluate(() => document.fonts.ready);
    await screen.steps?.(page, size !== 'desktop');
    await page.waitForTimeout(screen.name === 'docs' ? 1_500 : 150);
    faults.push(...(await faultsOf(page)));
    await page.screenshot({ path: `${options.out}/${screen.name}-${size}-${theme}.png` });
  } catch (error) {
    faults.push(`could not be drawn: ${error.message.split('\n')[0]}`);
    await page.screenshot({ path: `${options.out}/${screen.name}-${size}-${theme}.png` }).catch(() => {});
  }
  await context.close();
  return faults;
}

mkdirSync(options.out, { recursive: true });
const { origin, stop } = await serve();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let drawn = 0;
let faulty = 0;
for (const screen of SCREENS.filter((each) => !options.only || each.name.includes(options.only))) {
  for (const size of Object.keys(SIZES).filter((each) => !options.size || options.size.split(',').includes(each))) {
    for (const theme of ['light', 'dark'].filter((each) => !options.theme || each === options.theme)) {
      const faults = await draw(browser, origin, screen, size, theme);
      drawn += 1;
      if (faults.length > 0) {
        faulty += 1;
        console.log(`${screen.name} ${size} ${theme}\n  ${[...new Set(faults)].join('\n  ')}`);
      }
    }
  }
}
await browser.close();
stop();
console.log(`${drawn} pictures in ${options.out}, ${faulty} with faults`);
process.exitCode = faulty > 0 ? 1 : 0;
