// Serves the client with a made-up state: /static/state.js is answered with fixture-state.js.
// Same CSP as the real server, so that what it forbids shows up here.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const STATIC = fileURLToPath(new URL('../../static', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};
const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const DOCS_CSP = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");
const FAKES = {
  '/static/state.js': join(HERE, 'fixture-state.js'),
  '/static/fixture.js': join(HERE, 'fixture.js'),
  '/openapi.json': join(HERE, 'openapi.json'),
};

/** Starts on a free port; resolves to the address and a way to stop. */
export function serve(port = 0) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://gallery').pathname);
    const asset = path.startsWith('/static/') ? join(STATIC, normalize(path.slice('/static'.length))) : null;
    const page = join(STATIC, path === '/docs' ? 'docs.html' : 'index.html');
    const file = FAKES[path] ?? asset ?? page;
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': path === '/docs' ? DOCS_CSP : CSP,
      'cache-control': 'no-store',
    });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const { port: bound } = server.address();
      resolve({ origin: `http://127.0.0.1:${bound}`, stop: () => server.close() });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { origin } = await serve(Number(process.env.PORT ?? 4173));
  console.log(`${origin}/r/foxglove/b?screen=chat`);
}
