/** The browser that the tests drive. */
import { type Browser, chromium } from 'playwright-core';
import { afterAll } from 'vitest';

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

let launched: Promise<Browser> | undefined;

/** A Chromium, started when a file of tests first asks for it. */
export function browser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  launched ??= chromium.launch({ executablePath, headless: true, args: QUIET });
  return launched;
}

afterAll(async () => (await launched)?.close());
