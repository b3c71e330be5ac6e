/** Pictures of every page for a person to look at, when everything is tested in full. */
import { mkdirSync } from 'node:fs';
import { describe, test } from 'vitest';
import { encode } from '../../web/runtime/link.ts';
import { chosen, live } from './exhibits.ts';
import { address, shown, visit } from './visit.ts';

const folder = process.env.ORRERY_SCREENSHOTS ?? 'target/screenshots';

const exhibits = chosen.map(async ({ slug }) => {
  const { specs, scenarios, frame } = live(slug);
  // Its last step: what a visitor sees who stays.
  const end = await encode(specs, { settings: scenarios[0].settings, seed: 0, step: frame.length });
  return [
    { name: slug, path: `e/${slug}/${end}`, step: frame.step },
    { name: `embed-${slug}`, path: `embed/${slug}/${end}`, step: frame.step },
  ];
});

const pages = [
  { name: 'gallery', path: '', step: undefined },
  { name: 'teach', path: 'teach/', step: undefined },
  { name: 'compute', path: 'compute/', step: undefined },
  ...(await Promise.all(exhibits)).flat(),
];

describe.runIf(process.env.ORRERY_FULL).concurrent.each(pages)(
  'a picture of $name',
  ({ name, path, step }) => {
    test.for([1280, 390])('%i pixels wide', async (width, { expect }) => {
      mkdirSync(folder, { recursive: true });
      for (const colorScheme of ['light', 'dark'] as const) {
        const phone = width < 500;
        const viewport = { width, height: phone ? 844 : 900 };
        const { page, close } = await visit(address(path), {
          colorScheme,
          viewport,
          isMobile: phone,
          hasTouch: phone,
        });
        if (step !== undefined)
          await expect.poll(async () => (await shown(page)).step, { timeout: 50_000 }).toBe(step);
        else await page.locator('canvas').first().waitFor();
        await page.waitForLoadState('networkidle');
        await page.evaluate(() => document.fonts.ready);
        // Axes come to rest.
        await new Promise((resolve) => setTimeout(resolve, 800));
        await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
        await close();
      }
    });
  },
);
