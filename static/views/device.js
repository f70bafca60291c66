// @ts-check
// Owns the short name of a device that signed in, from what its browser said of itself.
// Never decides anything by it: it is what somebody claimed.

/** In this order: each also claims to be the ones after it. @type {[RegExp, string][]} */
const BROWSERS = [[/Edg(e|A|iOS)?\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\/|FxiOS\//, 'Firefox'], [/Chrom(e|ium)\/|CriOS\/|HeadlessChrome\//, 'Chrome'], [/Safari\//, 'Safari']];
/** @type {[RegExp, string][]} */
const SYSTEMS = [[/iPhone|iPad/, 'iOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X|Macintosh/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux|X11/, 'Linux']];

/** `Firefox on Windows`; what is no browser keeps the name it gave. @param {string | null} agent */
export function deviceOf(agent) {
  if (!agent) return 'Unknown device';
  const browser = BROWSERS.find(([mark]) => mark.test(agent))?.[1];
  const system = SYSTEMS.find(([mark]) => mark.test(agent))?.[1];
  return browser && system ? `${browser} on ${system}` : agent;
}
