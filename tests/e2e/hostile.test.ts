/** Data that no solver can take, or hardly, put into the page by hand: words or a right answer, and the page lives on. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { Image } from '../../web/runtime/specs.ts';
import { chosen } from './exhibits.ts';
import { address, alerts, running, seek, visit, withExhibit } from './visit.ts';

const lists = (slug: string) => chosen.some((listed) => listed.slug === slug);

/** The parts of the control labelled `label`. */
const parts = (page: Page, label: string) => page.getByRole('group', { name: label, exact: true });

/** Pastes a table into the control labelled `label`. */
async function paste(page: Page, label: string, text: string) {
  const control = parts(page, label);
  const area = control.locator('textarea');
  if ((await area.count()) === 0) await control.getByRole('button', { name: 'Paste…' }).click();
  await area.fill(text);
  await area.dispatchEvent('change');
}

/** Gives a file to the control labelled `label`. */
const give = (page: Page, label: string, name: string, mimeType: string, buffer: Buffer) =>
  parts(page, label).locator('input[type=file]').setInputFiles({ name, mimeType, buffer });

/** A picture of one colour. */
async function picture(page: Page, colour: string): Promise<Buffer> {
  const bytes = await page.evaluate(async (colour) => {
    const canvas = new OffscreenCanvas(40, 40);
    const context = canvas.getContext('2d');
    if (context) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 40, 40);
    }
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }, colour);
  return Buffer.from(bytes);
}

/** The first number of the picture that the control `name` holds. */
const firstPixel = (page: Page, name: string) =>
  withExhibit(page, ({ settings }, name) => (settings[name] as Image | undefined)?.pixels[0], name);

/** What the page says is wrong. */
const said = async (page: Page) => (await alerts(page)).filter((text) => text !== '').join(' ');

/** Plays the run to its end, without a complaint. */
async function answers(page: Page): Promise<string> {
  const { verdict } = await seek(page, Number.MAX_SAFE_INTEGER);
  expect(await said(page)).toBe('');
  return verdict;
}

const GOOD = 'x,y,weight\n0,0,1\n0,1,2\n1,0,1';

describe.runIf(lists('transport-table'))('hostile measures', () => {
  test('in tables meet words or a right answer', async ({ onTestFinished }) => {
    const link = '?measures=tables&epsilon=0.1&solvers=log,unbalanced,sliced';
    const { page, complaints, close } = await visit(address(`e/transport-table/${link}`));
    onTestFinished(close);
    await running(page);
    for (const [rows, words] of [
      ['x,y\n0,0\nNaN,1', 'Line 3, x: the cell is “NaN”'],
      ['x,y,weight\n0,0,0\n1,1,0', 'there is no mass'],
      ['x,y,weight\n0,0,1\n1,1,-2', 'a weight cannot be negative'],
      ['x,y\n1e200,0', 'too large'],
    ]) {
      await paste(page, 'table to move', rows);
      await expect.poll(() => said(page), { message: rows }).toContain(words);
      await paste(page, 'table to move', GOOD);
      await expect.poll(() => said(page), { message: rows }).toBe('');
      await running(page);
    }
    // One point; points all in one place; a weight of zero: right answers.
    for (const rows of ['0.3,0.4', `x,y\n${'0.5,0.5\n'.repeat(50)}`, `${GOOD}\n9,9,0`]) {
      await paste(page, 'table to move', rows);
      expect(await answers(page), rows).toBe('holds');
    }
    // A million rows.
    const many = Buffer.from('0.25,0.75\n'.repeat(1_000_000));
    await give(page, 'table to move', 'many.csv', 'text/csv', many);
    await expect.poll(() => said(page)).toContain('only the first 2000 of 1000000 rows');
    await paste(page, 'table to move', GOOD);
    expect(await answers(page)).toBe('holds');
    // Different masses.
    const sameMass = (same: boolean) =>
      withExhibit(
        page,
        (exhibit, same) => Object.assign(exhibit, { settings: { ...exhibit.settings, 'same-mass': same } }),
        same,
      );
    await sameMass(false);
    expect(await answers(page)).toBe('fails');
    expect(await page.getByText(/scale one side|different masses/).count()).toBeGreaterThan(0);
    await sameMass(true);
    expect(await answers(page)).toBe('holds');
    expect(complaints).toEqual([]);
  });

  test.for([
    { measures: 'images', name: 'image', label: 'image to move', black: 'the image is black' },
    { measures: 'palettes', name: 'picture', label: 'picture', black: '' },
  ])('in $measures of one colour do, too', async ({ measures, name, label, black }, { onTestFinished }) => {
    const link = `?measures=${measures}&epsilon=0.1&solvers=sliced`;
    const { page, complaints, close } = await visit(address(`e/transport-table/${link}`));
    onTestFinished(close);
    await running(page);
    const upload = async (colour: string, pixel: number) => {
      await give(page, label, 'one.png', 'image/png', await picture(page, colour));
      await expect.poll(() => firstPixel(page, name)).toBe(pixel);
    };
    await upload('#000000', 0);
    if (black) await expect.poll(() => said(page)).toContain(black);
    else expect(await answers(page)).toBe('holds');
    await give(page, label, 'no.png', 'image/png', Buffer.from('no picture'));
    await expect.poll(() => said(page)).toContain('no picture that the browser can read');
    await upload('#ffffff', 1);
    await expect.poll(() => said(page)).toBe('');
    expect(await answers(page)).toBe('holds');
    expect(complaints).toEqual([]);
  });
});

test.runIf(lists('semidiscrete-entropic-map'))(
  'atoms in one place have no wall',
  async ({ onTestFinished }) => {
    const { page, complaints, close } = await visit(address('e/semidiscrete-entropic-map/'));
    onTestFinished(close);
    await running(page);
    const atoms = (atoms: number[][]) =>
      withExhibit(page, (exhibit, atoms) => Object.assign(exhibit, { settings: { atoms } }), atoms);
    // While it plays, a frame of the run before may still wait to be drawn when the words come: they stay.
    for (let turn = 0; turn < 5; turn += 1) {
      await atoms([0, 1, 2].map(() => [0.5, 0.5]));
      await expect.poll(() => said(page)).toContain('there is no wall to find');
      await atoms([0.2, 0.4, 0.8].map((x) => [x, 1 - x * x]));
      await expect.poll(() => said(page)).toBe('');
      await withExhibit(page, (exhibit) => exhibit.play(), undefined);
    }
    await running(page);
    expect(complaints).toEqual([]);
  },
);
