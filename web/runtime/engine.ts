/** Loads a WebAssembly module of the site inside a worker. */
import type { Machine } from './machine';
import type { Session } from './messages';

/** What a module's glue script leaves in the global scope (wasm-bindgen, target no-modules). */
interface Glue {
  (options: { module_or_path: WebAssembly.Module | BufferSource }): Promise<unknown>;
  /** In a wing's module. */
  Session: new (
    slug: string,
    settings: string,
    seed: number,
  ) => Session;
  /** In the compute page's module. */
  Machine: { open(): Promise<Machine> };
}

declare const wasm_bindgen: Glue;
declare function importScripts(...urls: string[]): void;

/** Opens sessions of a wing's exhibits. */
export type Engine = (slug: string, settings: string, seed: number) => Session;

/** The engine of a wing of the site at `base`. */
export async function load(base: string, wing: string): Promise<Engine> {
  await begin(base, wing);
  return (slug, settings, seed) => new wasm_bindgen.Session(slug, settings, seed);
}

/** This machine, as the compute page of the site at `base` measures it. */
export async function openMachine(base: string): Promise<Machine> {
  await begin(base, 'compute');
  return wasm_bindgen.Machine.open();
}

async function begin(base: string, name: string): Promise<void> {
  const stem = `${base}wasm/${name}`;
  importScripts(`${stem}.js`);
  await wasm_bindgen({ module_or_path: await compiled(stem) });
}

async function compiled(stem: string): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(`${stem}_bg.wasm`);
    if (!response.ok) throw new Error(`${response.status}`);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch {
    // A sandboxed frame or a foreign page may not fetch from here, but any page may load a script.
    importScripts(`${stem}.bytes.js`);
    const binary = atob((globalThis as unknown as { orreryWasm: string }).orreryWasm);
    return WebAssembly.compile(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  }
}
