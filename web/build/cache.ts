import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'node_modules/.cache/orrery';

/** What `make` gives for `inputs`, from an earlier build where there was one. */
export async function remembered(
  inputs: (string | Uint8Array)[],
  make: () => Promise<Uint8Array> | Uint8Array,
): Promise<Buffer> {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(String(input.length)).update(':').update(input);
  const path = join(FOLDER, hash.digest('hex'));
  if (existsSync(path)) return readFileSync(path);
  const made = Buffer.from(await make());
  mkdirSync(FOLDER, { recursive: true });
  // Written aside and then moved: a build that is stopped leaves no half file.
  writeFileSync(`${path}.${process.pid}`, made);
  renameSync(`${path}.${process.pid}`, path);
  return made;
}
