/** The gallery. */
import { describe, expect, test } from 'vitest';
import { barriers } from './axe.ts';
import { all, wings } from './exhibits.ts';
import { address, visit } from './visit.ts';
import { transferred } from './weight.ts';

const VISIBLE = 'section.wing li:visible';

describe('the gallery', () => {
  test('hangs every exhibit, draws the pictures in sight, and runs no WebAssembly', async () => {
    const { page, complaints, close } = await visit(address(''));
    expect(await page.locator(VISIBLE).count()).toBe(all.length);
    await page.locator('.poster canvas').first().waitFor();
    const requests = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => name),
    );
    expect(requests.filter((name) => name.includes('/wasm/'))).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });

  test('finds papers as one types, by title, wing and algorithm', async () => {
    const { page, complaints, close } = await visit(address(''));
    const target = all[all.length - 1];
    const slugs = () =>
      page.locator(VISIBLE).evaluateAll((cards) => cards.map((card) => (card as HTMLElement).dataset.slug));
    for (const words of [target.title.toLowerCase(), target.algorithms[0]]) {
      await page.keyboard.press('/');
      await page.getByRole('searchbox').fill(words);
      expect(await slugs()).toContain(target.slug);
    }
    await page.getByRole('searchbox').fill(target.title);
    expect(await slugs()).toEqual([target.slug]);
    await page.getByRole('searchbox').fill('no paper has these words');
    expect(await page.locator(VISIBLE).count()).toBe(0);
    await page.locator('.nothing button').click();
    expect(await page.locator(VISIBLE).count()).toBe(all.length);
    expect(complaints).toEqual([]);
    await close();
  });

  test('filters by wing and by reading list, and the address keeps it', async () => {
    const { page, close } = await visit(address(''));
    const [wing] = wings;
    const expected = all.filter((exhibit) => exhibit.wing === wing.slug);
    await page.getByText(wing.title).first().click();
    expect(await page.locator(VISIBLE).count()).toBe(expected.length);
    await page.reload();
    expect(await page.locator(VISIBLE).count()).toBe(expected.length);
    await page.goto(address(''));
    const list = all.flatMap(({ lists }) => lists)[0];
    await page.getByText(`List ${list + 1}`, { exact: true }).click();
    expect(await page.locator(VISIBLE).count()).toBe(all.filter(({ lists }) => lists.includes(list)).length);
    await close();
  });

  test('is as high before one jumps to its end as after, at every width', async () => {
    const { page, complaints, close } = await visit(address(''), { viewport: { width: 390, height: 844 } });
    const height = () => page.evaluate(() => document.documentElement.scrollHeight);
    /** The height once all cards are laid out, however far they are from the window. */
    const whole = () =>
      page.evaluate(() => {
        const cards = [...document.querySelectorAll<HTMLElement>('.wall li')];
        const found = cards.map(({ style }) => style.contentVisibility);
        for (const { style } of cards) style.contentVisibility = 'visible';
        const height = document.documentElement.scrollHeight;
        for (const [index, { style }] of cards.entries()) style.contentVisibility = found[index];
        return height;
      });
    for (const width of [390, 1280, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await expect.poll(async () => (await height()) - (await whole()), { timeout: 30_000 }).toBe(0);
    }
    expect(complaints).toEqual([]);
    await close();
  });

  test('keeps nobody out, in the light and in the dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, close } = await visit(address(''), { colorScheme });
      await page.locator('.poster canvas').first().waitFor();
      expect(await barriers(page)).toEqual([]);
      await close();
    }
  });

  test('takes at most 150 KB for a first visit', async () => {
    const { page, asked, close } = await visit(address(''));
    await page.locator('.poster canvas').first().waitFor();
    await page.waitForLoadState('networkidle');
    expect(transferred(address(''), asked)).toBeLessThanOrEqual(150_000);
    await close();
  });
});

test('an address that is not there, however deep, has the look of the site and leads to it', async () => {
  for (const path of ['nothing', 'e/nothing/', 'e/nothing/at/all']) {
    const { page, close } = await visit(address(path));
    const gallery = page.getByRole('link', { name: 'The gallery' });
    await expect.poll(() => gallery.evaluate((link) => (link as HTMLAnchorElement).href)).toBe(address(''));
    const display = () => page.locator('.masthead').evaluate((bar) => getComputedStyle(bar).display);
    await expect.poll(display).toBe('flex');
    await gallery.click();
    await page.locator(VISIBLE).first().waitFor();
    await close();
  }
});
