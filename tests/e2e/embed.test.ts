/** Exhibits in pages of others, and the site in places of others. */
import { describe, expect, inject, test } from 'vitest';
import { barriers } from './axe.ts';
import { chosen, native } from './exhibits.ts';
import { serve } from './server.ts';
import { address, alerts, running, seek, visit, withExhibit } from './visit.ts';

const [{ slug }] = chosen;
const standard = native(slug).filter(({ settings }) => Object.keys(settings).length === 0)[0];

describe('embedding', () => {
  test('a sandboxed frame on a foreign page runs, hides what it is told to, and says how high it is', async () => {
    const frame = `${address(`embed/${slug}/`)}?hide=essay,source`;
    const page = `<!doctype html><title>A lecture</title><link rel="icon" href="data:,">
      <script>addEventListener('message', ({ data }) => { globalThis.told = data; });</script>
      <iframe sandbox="allow-scripts" width="1000" height="800" src="${frame}" title="An exhibit"></iframe>`;
    const host = await serve('dist', { folder: '/none/', pages: { '/lecture': page } });
    const foreign = await visit(new URL('/lecture', host.address).href, {}, [inject('site')]);
    const inner = foreign.page.frameLocator('iframe');
    await inner.locator('orrery-exhibit').waitFor();
    await running(inner);
    expect(await seek(inner, standard.step)).toMatchObject({ hash: standard.hash });
    expect(await inner.locator('[data-part]:visible').count()).toBe(0);
    const told = await foreign.page.evaluate(() => (globalThis as unknown as { told: unknown }).told);
    expect(told).toEqual({ orrery: slug, height: expect.any(Number) });
    expect((told as { height: number }).height).toBeGreaterThan(200);
    expect(foreign.complaints.filter(notAFont)).toEqual([]);
    await foreign.close();
    await host.close();
  });

  test('the element runs on a foreign page with one script, and takes settings as attributes', async () => {
    const page = `<!doctype html><title>A lecture</title><link rel="icon" href="data:,"><script src="${address('embed.js')}"></script>
      <orrery-exhibit name="${slug}" seed="3"></orrery-exhibit>`;
    const host = await serve('dist', { folder: '/none/', pages: { '/lecture': page } });
    const foreign = await visit(new URL('/lecture', host.address).href, {}, [inject('site')]);
    await running(foreign.page);
    const other = await seek(foreign.page, standard.step);
    await withExhibit(foreign.page, (exhibit) => exhibit.setAttribute('seed', '0'), undefined);
    await expect.poll(async () => (await seek(foreign.page, standard.step)).hash).toBe(standard.hash);
    expect(other.step).toBe(standard.step);
    expect(foreign.complaints.filter(notAFont)).toEqual([]);
    await foreign.close();
    await host.close();
  });

  test('the teaching page runs its three exhibits, one paper at two settings', async () => {
    const { page, complaints, close } = await visit(address('teach/'));
    const frames = [];
    for (const index of [0, 1, 2]) {
      await page.locator('orrery-exhibit').nth(index).scrollIntoViewIfNeeded();
      await running(page, 1, index);
      frames.push(await seek(page, 5, index));
    }
    expect(await page.locator('orrery-exhibit').count()).toBe(3);
    expect(frames[0].step).toBe(frames[1].step);
    expect(new Set(frames.map(({ hash }) => hash)).size).toBe(3);
    expect(await barriers(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });
});

describe('the site', () => {
  test('works from a folder of a host', async () => {
    const host = await serve('dist', { folder: '/papers/live/' });
    const { page, complaints, close } = await visit(host.address);
    await page.locator('.poster canvas').first().waitFor();
    await page.locator(`a[href$="e/${slug}/"]`).first().click();
    await page.waitForURL(`${host.address}e/${slug}/`);
    await running(page);
    expect(await seek(page, standard.step)).toMatchObject({ hash: standard.hash });
    expect(complaints).toEqual([]);
    await close();
    await host.close();
  });

  test('lives on when a module traps, and starts again', async () => {
    // From step 5 on, a step runs into a module whose only function is `unreachable`.
    const trap = `const trap = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1,
      116, 0, 0, 10, 5, 1, 3, 0, 0, 11]);
      const { advance } = wasm_bindgen.Session.prototype;
      wasm_bindgen.Session.prototype.advance = function (step, ms) {
        if (this.step >= 5) new WebAssembly.Instance(new WebAssembly.Module(trap)).exports.t();
        return advance.call(this, step, ms);
      };`;
    const rewrite = (path: string, text: string) =>
      /^wasm\/[^.]*\.js$/.test(path) ? `${text}\n;${trap}` : text;
    const host = await serve('dist', { rewrite });
    const { page, close } = await visit(`${host.address}e/${slug}/`);
    await page.getByRole('button', { name: 'Restart', exact: true }).waitFor();
    expect((await alerts(page)).join()).toContain('has stopped');
    expect(await page.locator('.essay').isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Restart', exact: true }).click();
    await expect.poll(() => seek(page, 3)).toMatchObject({ step: 3 });
    await close();
    await host.close();
  });
});

/** A sandboxed or foreign page may not load our typefaces; it shows its own, and the browser says so. */
const notAFont = (complaint: string) => !/\.woff2/.test(complaint);
