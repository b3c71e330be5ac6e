/** The compute page, and with it products on a GPU in a worker: Chromium has a WebGPU device in software. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { barriers } from './axe.ts';
import { browser } from './browser.ts';
import { address, visit } from './visit.ts';

/** The numbers of a row of the table: CPU, GPU, GPU in a chain; NaN where nothing was measured. */
const row = (page: Page, size: number): Promise<number[]> =>
  page
    .locator(`tr[data-size="${size}"] td`)
    .evaluateAll((cells) => cells.map(({ textContent }) => Number.parseFloat(textContent ?? '')));

const text = async (page: Page, selector: string) => (await page.locator(selector).textContent()) ?? '';
const status = (page: Page) => text(page, '.bench output');
const found = (page: Page) => text(page, '.found');

/** A worker that loses its GPU between two computations. */
const LOSING = `onmessage = async ({ data: base }) => {
  try {
    importScripts(base + 'wasm/compute.js');
    await wasm_bindgen({ module_or_path: base + 'wasm/compute_bg.wasm' });
    const machine = await wasm_bindgen.Machine.open();
    const before = await machine.deviation();
    machine.give_back();
    const product = await machine.gpu_products(64, 1, 1);
    const after = await machine.deviation();
    postMessage({ before, product, after });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};`;

describe('the compute page', () => {
  test('finds the products of a GPU equal to the CPU’s, and compares their rates', async () => {
    const { page, complaints, close } = await visit(address('compute/'), {}, [], browser('software'));
    await page.getByRole('button', { name: 'Measure' }).click();
    await expect.poll(() => found(page), { timeout: 30_000 }).toContain('agree with the CPU’s');
    expect(await found(page)).toContain('WebGPU: google');
    const off = /to (\S+) of the largest/.exec(await found(page));
    expect(Number(off?.[1])).toBeLessThan(1e-5);
    const onBoth = async () => (await row(page, 256)).slice(0, 2).every((rate) => rate > 0);
    await expect.poll(onBoth, { timeout: 30_000 }).toBe(true);
    await page.getByRole('button', { name: 'Stop' }).click();
    expect(await status(page)).toBe('Stopped');
    expect(await found(page)).toMatch(/the GPU is the faster|The GPU is behind the CPU/);
    expect(complaints).toEqual([]);
    await close();
  });

  test('goes on without a GPU that is lost', async () => {
    const { page, complaints, close } = await visit(address('compute/'), {}, [], browser('software'));
    const outcome = await page.evaluate(
      ({ base, script }) =>
        new Promise((resolve) => {
          const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
          worker.addEventListener('message', ({ data }) => resolve(data));
          worker.postMessage(base);
        }),
      { base: address(''), script: LOSING },
    );
    expect(outcome).toMatchObject({ before: expect.any(Number), after: undefined, product: undefined });
    expect(complaints).toEqual([]);
    await close();
  });

  test('measures the CPU where there is no GPU, and stops when told', async () => {
    const { page, complaints, close } = await visit(address('compute/'));
    await page.getByRole('button', { name: 'Measure' }).click();
    await expect.poll(async () => (await row(page, 512))[0], { timeout: 30_000 }).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Stop' }).click();
    expect(await found(page)).toContain('no GPU');
    const stopped = await row(page, 4096);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([await status(page), await row(page, 4096)]).toEqual(['Stopped', stopped]);
    // And again, from the beginning.
    await page.getByRole('button', { name: 'Measure again' }).click();
    await expect.poll(async () => (await row(page, 512))[0]).toBeNaN();
    await page.getByRole('button', { name: 'Stop' }).click();
    expect(complaints).toEqual([]);
    await close();
  });

  test('is reached from the gallery, fits a phone, and keeps nobody out', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const viewport = { width: 390, height: 844 };
      const { page, complaints, close } = await visit(address(''), { colorScheme, viewport });
      await page.getByRole('link', { name: 'How fast is your machine?' }).press('Enter');
      await page.getByRole('button', { name: 'Measure' }).click();
      await expect.poll(async () => (await row(page, 256))[0], { timeout: 30_000 }).toBeGreaterThan(0);
      await page.getByRole('button', { name: 'Stop' }).click();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide).toBeLessThanOrEqual(0);
      expect(await barriers(page)).toEqual([]);
      expect(complaints).toEqual([]);
      await close();
    }
  });
});
