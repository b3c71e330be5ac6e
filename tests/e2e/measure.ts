/** Prints, for each exhibit, how long it takes and how much it weighs. Measured alone, on the machine it runs on. */
import { expect, test } from 'vitest';
import type { OrreryExhibit } from '../../web/exhibit/element.ts';
import { encode } from '../../web/runtime/link.ts';
import { chosen, live } from './exhibits.ts';
import { address, running, seek, type Visit, visit, withExhibit } from './visit.ts';
import { transferred } from './weight.ts';

interface Row {
  exhibit: string;
  /** Milliseconds from opening the link to the first drawn frame, the poster's. */
  'first frame ms': number;
  /** … to the first frame that was computed in the page. */
  'alive ms': number;
  /** The median of drawing all figures while the default run plays. */
  'draw ms': number;
  /** Seconds of the default run to its verdict, in all haste. */
  'verdict s': number;
  /** The median from moving a control to the drawn answer, at a tenth of the steps. */
  'answer ms': number;
  /** What the page and its module transfer, in KB of brotli. */
  KB: number;
}

const median = (numbers: number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const round = (number: number, digits = 0) => Number(number.toFixed(digits));

test('every exhibit is measured', async () => {
  const rows: Row[] = [];
  for (const { slug } of chosen) rows.push(await measured(slug));
  const gallery = await visit(address(''));
  await gallery.page.locator('.poster canvas').first().waitFor();
  await gallery.page.waitForLoadState('networkidle');
  console.table(rows);
  console.log(`gallery, first visit: ${round(transferred(address(''), gallery.asked) / 1000)} KB of brotli`);
  await gallery.close();
  expect(rows.length).toBe(chosen.length);
});

async function measured(slug: string): Promise<Row> {
  const { specs, scenarios, frame } = live(slug);
  const query = await encode(specs, { settings: scenarios[0].settings, seed: 0 });
  // The first visit warms the host's and the compiler's caches, as a second visitor finds them.
  await (await opened(slug, query)).visit.close();
  const openings = [await opened(slug, query), await opened(slug, query), await opened(slug, query)];
  const { page, asked } = openings[0].visit;
  for (const { visit } of openings.slice(1)) await visit.close();

  // From the start: a short run is over by now.
  const replay = async (exhibit: OrreryExhibit) => {
    await exhibit.reset();
    exhibit.drawTimes.splice(0);
    exhibit.play();
  };
  await withExhibit(page, replay, undefined);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const draws = await withExhibit(page, (exhibit) => [...exhibit.drawTimes], undefined);

  const tenth = Math.max(1, Math.round(frame.length / 10));
  await seek(page, tenth);
  const moved = specs.find((spec) => spec.kind === 'number' && !spec.live && !spec.when);
  const answers: number[] = [];
  if (moved?.kind === 'number') {
    for (let turn = 0; turn < 9; turn += 1) {
      // Around the default, as a hand does.
      const value =
        moved.default * (1 + (turn % 3) / 50) || moved.min + ((turn + 1) * (moved.max - moved.min)) / 100;
      answers.push(await answer(page, moved.name, value));
    }
  }

  const haste = await visit(address(`e/${slug}/${query}`));
  await running(haste.page, 0);
  const start = performance.now();
  await seek(haste.page, Number.MAX_SAFE_INTEGER);
  const seconds = (performance.now() - start) / 1000;
  await haste.close();

  const row = {
    exhibit: slug,
    'first frame ms': round(median(openings.map(({ drawn }) => drawn))),
    'alive ms': round(median(openings.map(({ alive }) => alive))),
    'draw ms': round(median(draws), 1),
    'verdict s': round(seconds, 1),
    'answer ms': round(median(answers)),
    KB: round(transferred(address(''), asked) / 1000),
  };
  await openings[0].visit.close();
  return row;
}

/** Opens an exhibit's page; how long until its poster is drawn, and until a frame of its own. */
async function opened(slug: string, query: string): Promise<{ visit: Visit; drawn: number; alive: number }> {
  const opening = await visit(address(`e/${slug}/${query}`));
  await running(opening.page, 0);
  const { page } = opening;
  const times = await page.evaluate(() => globalThis.orreryFirst);
  return { visit: opening, drawn: times.drawn ?? Number.NaN, alive: times.alive ?? Number.NaN };
}

/** Sets a control, and how long until the frame that answers is drawn. */
function answer(page: Visit['page'], name: string, value: number): Promise<number> {
  return withExhibit(
    page,
    async (exhibit, { name, value }) => {
      const before = exhibit.hash;
      exhibit.settings = { ...exhibit.settings, [name]: value };
      for (let tries = 0; tries < 500 && exhibit.hash === before; tries += 1)
        await new Promise((resolve) => requestAnimationFrame(resolve));
      return exhibit.latency;
    },
    { name, value },
  );
}
