/** Every exhibit on its own page. */
import type { Page } from 'playwright-core';
import { describe, test } from 'vitest';
import type { FrameDetail } from '../../web/exhibit/element.ts';
import { encode } from '../../web/runtime/link.ts';
import type { Settings, Spec, Value } from '../../web/runtime/specs.ts';
import { barriers } from './axe.ts';
import { chosen, live, native, thoroughly } from './exhibits.ts';
import { longestTask, longestTaskAlone } from './long-tasks.ts';
import { address, running, seek, shown, visit, withExhibit } from './visit.ts';

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Tests that run side by side each take their own `expect`: the common one knows of the last that began.
describe.concurrent.each(chosen)('$slug', (listed) => {
  const { slug, verdict } = listed;
  const thorough = test.runIf(thoroughly(listed));
  const { specs, scenarios } = live(slug);
  const [standard, ...others] = native(slug);
  const link = async (settings: Settings, step?: number) =>
    address(`e/${slug}/${await encode(specs, { settings, seed: 0, step })}`);

  thorough('keeps nobody out, and is played by keyboard', async ({ expect, onTestFinished }) => {
    const { page, complaints, close } = await visit(address(`e/${slug}/`));
    onTestFinished(close);
    await running(page);
    await page.keyboard.press(' ');
    await expect.poll(() => page.getByRole('button', { name: 'Play', exact: true }).count()).toBe(1);
    expect(await barriers(page)).toEqual([]);

    await page.keyboard.press('r');
    await expect.poll(async () => (await shown(page)).step).toBe(0);
    await page.keyboard.press('.');
    await expect.poll(async () => (await shown(page)).step).toBe(1);
    await pause(100);
    expect((await shown(page)).step).toBe(1);

    const play = async () => {
      await page.keyboard.press('r');
      await expect.poll(async () => (await shown(page)).step).toBe(0);
      await page.keyboard.press(' ');
      await running(page);
      await pause(500);
    };
    // What else the machine does makes a task longer, never shorter: of several plays the best counts.
    let longest = await longestTask(page, play);
    for (let plays = 0; longest > 50 && plays < 9; plays += 1) {
      longest = Math.min(longest, await longestTaskAlone(page, play));
    }
    expect(longest, 'the longest task').toBeLessThanOrEqual(50);
    expect(complaints).toEqual([]);
  });

  test('comes to life from a link, and gives the frames of the native run', async ({
    expect,
    onTestFinished,
  }) => {
    const other = others.findLast(({ settings }) => Object.keys(settings).length > 0) ?? standard;
    const { page, complaints, close } = await visit(await link(other.settings, other.step));
    onTestFinished(close);
    await expect.poll(() => shown(page)).toMatchObject({ step: other.step, hash: other.hash });
    expect(await withExhibit(page, (exhibit) => exhibit.linkHere(), undefined)).toBe(page.url());
    for (const { settings, step, hash } of [standard, ...others]) {
      await withExhibit(page, (exhibit, settings) => Object.assign(exhibit, { settings }), settings);
      expect(await seek(page, step)).toMatchObject({ step, hash });
    }
    expect(complaints).toEqual([]);
  });

  thorough('ends on the axes on which a link to its end opens', async ({ expect, onTestFinished }) => {
    const ranges = (page: Page) =>
      withExhibit(
        page,
        ({ renderRoot }) =>
          [...renderRoot.querySelectorAll('orrery-figure')].map(({ id, ranges }) => ({ id, ...ranges })),
        undefined,
      );
    const { page: watched, close } = await visit(address(`e/${slug}/`));
    onTestFinished(close);
    await withExhibit(
      watched,
      (exhibit) =>
        new Promise<void>((resolve) => {
          exhibit.addEventListener('frame', (event) => {
            if ((event as CustomEvent<FrameDetail>).detail.done) resolve();
          });
          exhibit.play();
        }),
      undefined,
    );
    const link = await withExhibit(watched, (exhibit) => exhibit.linkHere(), undefined);
    const { page: linked, close: closeLinked } = await visit(link);
    onTestFinished(closeLinked);
    const end = await shown(watched);
    await expect.poll(() => shown(linked), { timeout: 30_000 }).toEqual(end);
    expect(await ranges(linked)).toEqual(await ranges(watched));
  });

  thorough(
    'meets broken links and the ends of its controls with words',
    async ({ expect, onTestFinished }) => {
      const broken = specs.map(({ name }) => `${name}=%00*`).join('&');
      const { page, complaints, close } = await visit(
        address(`e/${slug}/?${broken}&nonsense=1&seed=-3&step=x#curve=____&other=AAAA`),
      );
      onTestFinished(close);
      await running(page);
      expect(await page.locator('orrery-exhibit .notice').count()).toBeGreaterThan(2);
      for (const settings of process.env.ORRERY_FULL ? specs.flatMap(ends) : together(specs.map(ends))) {
        const stopped = await withExhibit(
          page,
          async (exhibit, settings) => {
            exhibit.settings = settings;
            exhibit.pause();
            const late = new Promise<string>((resolve) => setTimeout(resolve, 20_000, 'no answer in 20 s'));
            const answer = await Promise.race([exhibit.seek(2), late]);
            await exhibit.updateComplete;
            const alerts = [...(exhibit.shadowRoot?.querySelectorAll('[role=alert]') ?? [])];
            return [answer ?? '', ...alerts.map((alert) => alert.textContent ?? '')];
          },
          settings,
        );
        const faults = stopped.filter((text) => /has stopped|no answer/.test(text));
        expect(faults, JSON.stringify(settings)).toEqual([]);
      }
      expect(complaints).toEqual([]);
    },
  );

  test.runIf(process.env.ORRERY_FULL)('reaches its verdict', async ({ expect }) => {
    const { page, complaints, close } = await visit(await link(scenarios[0].settings));
    await running(page, 0);
    const start = performance.now();
    const end = await seek(page, Number.MAX_SAFE_INTEGER);
    const seconds = (performance.now() - start) / 1000;
    expect(end.verdict).toBe(verdict);
    expect(end.verdict).toBe(scenarios[0].expect);
    expect(seconds, 'seconds to the verdict').toBeLessThanOrEqual(10);
    expect(complaints).toEqual([]);
    await close();
  });
});

/** The first of every control's settings at once, then the second of every control's, and so on. */
function together(all: Settings[][]): Settings[] {
  const most = Math.max(0, ...all.map((settings) => settings.length));
  return Array.from({ length: most }, (_, turn) =>
    Object.assign({}, ...all.map((settings) => settings[turn])),
  );
}

/** Settings that put one control to an end of what it takes, the others at their defaults. */
function ends(spec: Spec): Settings[] {
  const at = (...values: Value[]) => values.map((value) => ({ [spec.name]: value }));
  switch (spec.kind) {
    case 'number':
    case 'integer':
      return at(spec.min, spec.max);
    case 'toggle':
      return at(true, false);
    case 'choice':
      return at(...spec.options.map(([name]) => name));
    case 'set':
      return at([], ...spec.options.map(([name]) => [name]));
    case 'points': {
      const [[left, right], [bottom, top]] = spec.domain;
      const all = (x: number, y: number) =>
        Array.from({ length: Math.max(1, spec.min) }, () => [x, y] as [number, number]);
      return at(all(left, bottom), all(right, top));
    }
    case 'curve': {
      const [low, high] = spec.range;
      return at(...[low, high].map((value) => Array.from({ length: spec.samples }, () => value)));
    }
    case 'formula':
      return at(
        '',
        '(',
        '0',
        '1/0',
        spec.variables.join('*'),
        ...spec.examples.map(([, formula]) => formula),
      );
    case 'text':
      return at('', 'x'.repeat(spec.max));
    case 'image': {
      const { max_width: width, max_height: height } = spec;
      return at(
        ...[0, 1].map((grey) => ({
          width,
          height,
          pixels: Array.from({ length: width * height * (spec.color ? 3 : 1) }, () => grey),
        })),
      );
    }
    case 'table':
      return at({ columns: ['a', 'b'].slice(0, spec.max_columns), rows: [] });
  }
}
