/** Measures each kind of work in one page, natively and in Python, in turns, and writes down all samples. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { browser } from '../e2e/browser.ts';
import { serve } from '../e2e/server.ts';
import type { Measured } from './page/contest.ts';

/** What `cargo xtask bench` says. */
const {
  ORRERY_WORKS: works = '',
  ORRERY_PAGE: folder = '',
  ORRERY_NATIVE: native = '',
  ORRERY_PYTHON: python,
  ORRERY_SAMPLES: out = '',
  ORRERY_GPU_SIZE: size,
} = process.env;

/** Turns that page, native run and Python take, so that a busy moment of the machine falls on none of them alone. */
const ROUNDS = 3;
/** Samples of each contender in each turn. */
const SAMPLES = 15;
/** Units of work before the check: enough that what converges has converged. */
const UNITS = 50;

/** By contender; of one that cannot be measured, why. */
type Samples = Record<string, Measured | { why: string }>;

/** Asks a program for its samples. */
const ask = (program: string, ...words: string[]): Samples =>
  JSON.parse(execFileSync(program, [...words, String(UNITS), String(SAMPLES)]).toString());

/** Milliseconds in which a browser answers whether it has a GPU; with Vulkan in software alone it may never. */
const PATIENCE = 30_000;

/** A page in a browser with a GPU: the machine's, or else one in software, which is good for a trial of the bench. */
async function pageWithGpu(address: string): Promise<Page> {
  const here = await browser('hardware');
  const asked = async () => {
    const page = await here.newPage();
    await page.goto(address);
    const hardware = async () => {
      const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
      return adapter != null && !adapter.info.isFallbackAdapter;
    };
    return (await page.evaluate(hardware)) ? page : undefined;
  };
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE));
  const page = await Promise.race([asked().catch(() => undefined), late]);
  if (page) return page;
  console.error('Chromium finds no GPU, and takes SwiftShader: what it measures says nothing about a GPU');
  void here.close();
  return (await browser('software')).newPage();
}

test('all work is measured', async () => {
  const host = await serve(folder);
  const address = size ? `${host.address}gpu.html?size=${size}` : host.address;
  const page = size ? await pageWithGpu(address) : await (await browser()).newPage();
  const strangers: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(host.address) && !/^(data|blob):/.test(request.url()))
      strangers.push(request.url());
  });
  page.on('pageerror', (error) => console.error(error));
  page.on('console', (message) => console.error(message.text()));
  await page.goto(address);
  await page.waitForFunction(() => globalThis.measure !== undefined);

  const all: Record<string, Samples> = {};
  for (const work of works.split(',')) {
    console.error(work);
    // What fails at one kind of work is said, and leaves the others to be measured.
    all[work] = await measured(page, work).catch((fault) => {
      console.error(`${work} is NOT MEASURED: ${fault.message}`);
      return { orrery: { why: fault.message } };
    });
    writeFileSync(out, JSON.stringify(all));
  }
  await host.close();
  expect(strangers).toEqual([]);
});

/** Samples of all who do a kind of work, who must agree on what comes of it. */
async function measured(page: Page, work: string): Promise<Samples> {
  const contenders: Samples = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked: [string, number, number] = [work, UNITS, SAMPLES];
    const turn = {
      ...(await page.evaluate((asked) => globalThis.measure(...asked), asked)),
      ...ask(native, work),
      ...(python ? ask(python, 'tests/bench/peers.py', work) : {}),
    };
    for (const [name, measured] of Object.entries(turn)) {
      const before = contenders[name];
      if (before && 'ms' in before && 'ms' in measured) before.ms.push(...measured.ms);
      else contenders[name] = measured;
    }
  }
  const check = (name: string) => {
    const measured = contenders[name];
    return measured && 'ms' in measured ? measured.check : Number.NaN;
  };
  const ours = check('orrery');
  // The module and the native run are the same code: the same to the bit. The others round as they like.
  if (contenders.native) expect(check('native'), 'natively').toBe(ours);
  for (const name of Object.keys(contenders))
    if (!Number.isNaN(check(name) - ours))
      expect(Math.abs(check(name) / ours - 1), `${name} gets ${check(name)}, not ${ours}`).toBeLessThan(1e-3);
  return contenders;
}
