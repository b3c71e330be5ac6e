/** What axe-core finds on a page that keeps somebody out. */
import { readFileSync } from 'node:fs';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const source = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');

/** Every serious or critical finding, as a line. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(source);
  const run = () => (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run();
  const { violations } = await page.evaluate(run);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
}
