/** A plain static host: no headers for other origins, no compression, a random port. */
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** What a test changes of what is served. */
export interface Changes {
  /** The site lies in this folder of the host, such as `/papers/live/`, and there is nothing else. */
  folder?: string;
  /** Pages beside the site's own, by path. */
  pages?: Record<string, string>;
  /** Replaces the text of a file, by its path in the site. */
  rewrite?: (path: string, text: string) => string;
}

/** Serves the folder `root`. */
export async function serve(root: string, changes: Changes = {}) {
  const { folder = '/', pages = {}, rewrite } = changes;
  const host = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host');
    const page = pages[pathname];
    try {
      if (page !== undefined) {
        response.writeHead(200, { 'content-type': TYPES['.html'] }).end(page);
        return;
      }
      if (!pathname.startsWith(folder)) throw new Error('outside of the folder');
      const path = normalize(decodeURIComponent(pathname.slice(folder.length)));
      if (path.startsWith('..')) throw new Error('outside of the site');
      const asked = join(root, path);
      if ((await stat(asked)).isDirectory() && !pathname.endsWith('/')) {
        response.writeHead(308, { location: `${pathname}/` }).end();
        return;
      }
      const file = pathname.endsWith('/') ? join(asked, 'index.html') : asked;
      const type = TYPES[extname(file)] ?? 'application/octet-stream';
      const bytes = await readFile(file);
      const body = rewrite && /javascript|html/.test(type) ? rewrite(path, bytes.toString()) : bytes;
      response.writeHead(200, { 'content-type': type }).end(body);
    } catch {
      // As hosts of static sites do, whatever the address.
      const missing = await readFile(join(root, '404.html')).catch(() => 'There is nothing here.');
      response.writeHead(404, { 'content-type': TYPES['.html'] }).end(missing);
    }
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  const { port } = host.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}${folder}`,
    close: () =>
      new Promise<void>((resolve) => {
        host.closeAllConnections();
        host.close(() => resolve());
      }),
  };
}
