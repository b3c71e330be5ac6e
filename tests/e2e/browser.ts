/** Starts the browser, once for all files, and the server of the site. */
import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';
import { serve } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the browser listens for tests. */
    browser: string;
    /** The address of the site, with the closing slash. */
    site: string;
  }
}

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Pages that are not in front must run as fast as the one that is.
  '--disable-renderer-backgrounding',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
];

export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launchServer({ executablePath, headless: true, args: QUIET });
  const site = await serve('dist');
  project.provide('browser', browser.wsEndpoint());
  project.provide('site', site.address);
  return async () => {
    await browser.close();
    await site.close();
  };
}
