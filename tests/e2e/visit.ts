/** A visitor's look at a page: opens it, and writes down everything that a page must not do. */
import type { BrowserContextOptions, Page } from 'playwright-core';
import { inject } from 'vitest';
import type { OrreryExhibit } from '../../web/exhibit/element.ts';
import { browser } from './browser.ts';

declare global {
  /** Tasks of the page's main thread over 50 ms, in milliseconds. */
  var orreryLongTasks: number[];
  /** When the page's exhibit first drew anything, and first drew a frame computed in the page. */
  var orreryFirst: { drawn?: number; alive?: number };
}

/** The address of a page of the site. */
export const address = (path: string) => new URL(path, inject('site')).href;

/** An open page. */
export interface Visit {
  page: Page;
  /** Errors on the console, exceptions, refusals by the content security policy, requests to other origins. */
  complaints: string[];
  /** Every address that was asked for, by the page and its workers. */
  asked: Set<string>;
  close(): Promise<void>;
}

/** Opens `url` in a fresh profile of a browser. Requests may go to its origin, and to those in `friends`. */
export async function visit(
  url: string,
  options: BrowserContextOptions = {},
  friends: string[] = [],
  from = browser(),
): Promise<Visit> {
  const context = await (await from).newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const complain = (text: string) => {
    if (!complaints.includes(text)) complaints.push(text);
  };
  const asked = new Set<string>();
  const origins = [url, ...friends].map((friend) => new URL(friend).origin);
  context.on('request', (request) => {
    const { protocol, origin, href } = new URL(request.url());
    if (!/^https?:$/.test(protocol)) return;
    asked.add(href);
    if (!origins.includes(origin)) complain(`asked ${href}`);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') complain(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complain(`exception: ${error.stack ?? error}`));
  page.on('crash', () => complain('the page crashed'));
  await page.addInitScript(() => {
    globalThis.orreryLongTasks = [];
    new PerformanceObserver((list) => {
      globalThis.orreryLongTasks.push(...list.getEntries().map((entry) => entry.duration));
    }).observe({ type: 'longtask', buffered: true });
    globalThis.orreryFirst = {};
    const look = () => {
      const exhibit = document.querySelector('orrery-exhibit');
      const { orreryFirst: first } = globalThis;
      if (exhibit?.drawTimes?.length) first.drawn ??= performance.now();
      if (exhibit?.hash) first.alive ??= performance.now();
      if (first.alive === undefined) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await page.goto(url);
  return { page, complaints, asked, close: () => context.close() };
}

/** What the exhibit at `index` of a page shows. */
export interface Shown {
  step: number;
  hash: string;
  verdict: string;
}

/** Does something with the exhibit element of a page, in the page. */
export function withExhibit<Result, Argument>(
  page: Pick<Page, 'locator'>,
  act: (exhibit: OrreryExhibit, argument: Argument) => Result | Promise<Result>,
  argument: Argument,
  index = 0,
): Promise<Result> {
  const exhibit = page.locator('orrery-exhibit').nth(index);
  // The driver's types say how the argument travels, which cannot be said of just any argument.
  return exhibit.evaluate(act as never, argument as never);
}

/** The frame that is drawn. */
export const shown = (page: Pick<Page, 'locator'>, index = 0): Promise<Shown> =>
  withExhibit(
    page,
    ({ currentStep, hash, verdict }) => ({ step: currentStep, hash, verdict }),
    undefined,
    index,
  );

/** Waits for a live frame, one that the worker computed, at `step` or after it. */
export const running = (page: Pick<Page, 'locator'>, step = 1, index = 0): Promise<void> =>
  withExhibit(
    page,
    (exhibit, step) =>
      new Promise<void>((resolve) => {
        const look = () => (exhibit.hash && exhibit.currentStep >= step ? resolve() : setTimeout(look, 10));
        look();
      }),
    step,
    index,
  );

/** Goes to a step and gives what is drawn there. */
export const seek = (page: Pick<Page, 'locator'>, step: number, index = 0): Promise<Shown> =>
  withExhibit(
    page,
    async (exhibit, step) => {
      exhibit.pause();
      await exhibit.seek(step);
      return { step: exhibit.currentStep, hash: exhibit.hash, verdict: exhibit.verdict };
    },
    step,
    index,
  );

/** The texts of the alerts that an exhibit shows. */
export const alerts = (page: Page): Promise<string[]> =>
  page.locator('orrery-exhibit [role=alert]').allInnerTexts();
