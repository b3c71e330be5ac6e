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
} = process.env;

/** Turns that page, native run and Python take, so that a busy moment of the machine falls on none of them alone. */
const ROUNDS = 3;
/** Samples of each contender in each turn. */
const SAMPLES = 15;
/** Units of work before the check: enough that what converges has converged. */
const UNITS = 50;

type Samples = Record<string, Measured>;

/** Asks a program for its samples. */
const ask = (program: string, ...words: string[]): Samples =>
  JSON.parse(execFileSync(program, [...words, String(UNITS), String(SAMPLES)]).toString());

test('all work is measured', async () => {
  const host = await serve(folder);
  const page = await (await browser()).newPage();
  const strangers: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(host.address) && !/^(data|blob):/.test(request.url()))
      strangers.push(request.url());
  });
  page.on('pageerror', (error) => console.error(error));
  await page.goto(host.address);
  await page.waitForFunction(() => globalThis.measure !== undefined);

  const all: Record<string, Samples> = {};
  for (const work of works.split(',')) {
    console.error(work);
    // What fails at one kind of work is said, and leaves the others to be measured.
    all[work] = await measured(page, work).catch((fault) => {
      console.error(`${work} is NOT MEASURED: ${fault.message}`);
      return {};
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
    for (const [name, { check, ms }] of Object.entries(turn)) {
      contenders[name] ??= { check, ms: [] };
      contenders[name].ms.push(...ms);
    }
  }
  const { check } = contenders.orrery;
  // The module and the native run are the same code: the same to the bit. The others round as they like.
  expect(contenders.native.check, 'natively').toBe(check);
  for (const [name, { check: theirs }] of Object.entries(contenders))
    if (!Number.isNaN(theirs))
      expect(Math.abs(theirs / check - 1), `${name} gets ${theirs}, not ${check}`).toBeLessThan(1e-3);
  return contenders;
}
