/** How much a visit transfers. */
import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';

/** The bytes of files of the site, by their addresses, compressed as a good host does. */
export function transferred(site: string, asked: Iterable<string>): number {
  let sum = 0;
  for (const path of new Set([...asked].map((name) => name.slice(site.length).split(/[?#]/)[0]))) {
    const bytes = readFileSync(`dist/${path === '' || path.endsWith('/') ? `${path}index.html` : path}`);
    sum += path.endsWith('.woff2') ? bytes.length : brotliCompressSync(bytes).length;
  }
  return sum;
}
