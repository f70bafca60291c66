// How far I have read in each channel: the marker only moves forward, and the server hears of it at most once a second
// per channel, after a drop too. Never counts messages; it asks for the counts that go with a marker.

/** Markers are told at most this often. */
const EVERY_MS = 1000;
/** Answers that another attempt does not change. */
const FINAL = new Set(['forbidden', 'not_found', 'validation']);

export class Reads {
  /** @param {{setTimeout: (fn: () => void, ms: number) => any, tell: (channel: string, upto: number) => Promise<unknown>, onRead: (channel: string, upto: number) => void}} needs */
  constructor(needs) {
    this.needs = needs;
    /** @type {Map<string, number>} */
    this.markers = new Map();
    /** @type {Set<string>} channels whose marker the server has not heard */
    this.untold = new Set();
    /** @type {Set<string>} channels that wait for a connection */
    this.held = new Set();
    /** @type {Set<string>} channels that were told a moment ago */
    this.resting = new Set();
  }

  /** @param {string} channel */
  upto(channel) {
    return this.markers.get(channel) ?? -1;
  }

  /** I saw everything up to `seq`. @param {string} channel @param {number} seq */
  seen(channel, seq) {
    if (!Number.isSafeInteger(seq) || seq <= this.upto(channel)) return;
    this.markers.set(channel, seq);
    this.needs.onRead(channel, seq);
    this.untold.add(channel);
    this.tell(channel);
  }

  /** Another device of mine read on; false: not further than here. @param {string} channel @param {number} seq */
  elsewhere(channel, seq) {
    if (seq < this.upto(channel)) return false;
    this.markers.set(channel, seq);
    return true;
  }

  /** The connection is back. */
  tellAll() {
    const channels = [...this.untold, ...this.held];
    this.held.clear();
    for (const channel of channels) {
      this.untold.add(channel);
      this.tell(channel);
    }
  }

  clear() {
    this.markers.clear();
    this.untold.clear();
    this.held.clear();
  }

  /** @param {string} channel */
  tell(channel) {
    if (this.resting.has(channel) || !this.untold.delete(channel)) return;
    this.needs.tell(channel, this.upto(channel)).catch((error) => this.failed(channel, error?.code));
    this.rest(channel);
  }

  /** The server did not take a marker. @param {string} channel @param {unknown} code */
  failed(channel, code) {
    // Without a marker it was cleared meanwhile: another person may be here.
    if (!this.markers.has(channel) || FINAL.has(String(code))) return;
    if (code === 'disconnected') {
      this.held.add(channel);
      return;
    }
    this.untold.add(channel);
    // An answer may come later than the rest that its question began.
    if (!this.resting.has(channel)) this.rest(channel);
  }

  /** Tells what is untold after the interval. @param {string} channel */
  rest(channel) {
    this.resting.add(channel);
    this.needs.setTimeout(() => {
      this.resting.delete(channel);
      this.tell(channel);
    }, EVERY_MS);
  }
}
