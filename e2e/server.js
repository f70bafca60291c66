// @ts-check
// A real server for one test file: own data folder, free port, stopped by its process id.
// Owns start, stop, kill and restart on the same data and port. Never talks to the pages.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;

/** The newest built binary, or the one named by CHARGE_BIN. */
function binary() {
  const found = [process.env.CHARGE_BIN, join(root, 'target/release/charge'), join(root, 'target/debug/charge')]
    .filter((path) => path !== undefined)
    .find((path) => existsSync(path));
  if (!found) throw new Error('no charge binary: cargo build --release first, or set CHARGE_BIN');
  return found;
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export class Server {
  /** @param {number} port @param {string} dir @param {Record<string, string>} env */
  constructor(port, dir, env) {
    this.port = port;
    this.dir = dir;
    this.env = env;
    this.url = `http://localhost:${port}`;
    /** @type {string | null} */
    this.setupLink = null;
    /** @type {import('node:child_process').ChildProcess | null} */
    this.child = null;
    this.output = '';
  }

  /** @param {Record<string, string>} [env] */
  static async start(env = {}) {
    const server = new Server(await freePort(), mkdtempSync(join(tmpdir(), 'charge-e2e-')), env);
    await server.boot();
    return server;
  }

  /** Starts the process on this server's port and data, and waits until it is ready. */
  async boot() {
    const child = spawn(binary(), [], {
      cwd: this.dir,
      env: {
        PATH: process.env.PATH ?? '', HOME: this.dir, LISTEN: `127.0.0.1:${this.port}`, PUBLIC_URL: this.url,
        DATA_DIR: join(this.dir, 'data'), LOG_LEVEL: 'info', ...this.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    const before = this.output.length;
    const collect = (/** @type {Buffer} */ chunk) => {
      this.output += chunk.toString();
      const link = this.output.match(/https?:\/\/\S+\/setup#\S+/g);
      if (link) this.setupLink = link[link.length - 1];
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    for (let attempt = 0; attempt < 200; attempt++) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.output}`);
      const ok = await fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false);
      // The port answers a moment before the link is printed; this line comes after the link.
      if (ok && this.output.slice(before).includes('Listening')) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the server did not get ready:\n${this.output}`);
  }

  /** Ends the process with `signal` and waits for it. @param {NodeJS.Signals} signal */
  async end(signal) {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async kill() { await this.end('SIGKILL'); }

  async stop() {
    await this.end('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}
