/** Pictures of every page for a person to look at, when everything is tested in full. */
import { mkdirSync } from 'node:fs';
import { describe, test } from 'vitest';
import { encode } from '../../web/runtime/link.ts';
import { chosen, live } from './exhibits.ts';
import { address, running, visit } from './visit.ts';

const folder = process.env.ORRERY_SCREENSHOTS ?? 'target/screenshots';

const exhibits = chosen.map(async ({ slug }) => {
  const { specs, scenarios, frame } = live(slug);
  // Its last step: what a visitor sees who stays.
  const end = await encode(specs, { settings: scenarios[0].settings, seed: 0, step: frame.length });
  return [
    { name: slug, path: `e/${slug}/${end}` },
    { name: `embed-${slug}`, path: `embed/${slug}/${end}` },
  ];
});

const pages = [
  { name: 'gallery', path: '' },
  { name: 'teach', path: 'teach/' },
  { name: 'compute', path: 'compute/' },
  ...(await Promise.all(exhibits)).flat(),
];

describe.runIf(process.env.ORRERY_FULL).concurrent.each(pages)('a picture of $name', ({ name, path }) => {
  test.each([1280, 390])('%i pixels wide', async (width) => {
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
      if (path.startsWith('e')) await running(page);
      else await page.locator('canvas').first().waitFor();
      await page.waitForLoadState('networkidle');
      await page.evaluate(() => document.fonts.ready);
      // Axes come to rest.
      await new Promise((resolve) => setTimeout(resolve, 800));
      await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      await close();
    }
  });
});
