/** The browser that the tests drive. */
import { type Browser, chromium } from 'playwright-core';
import { afterAll } from 'vitest';

const QUIET = [
  '--no-sandbox',
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

/** Without a GPU, as hosts of tests are; with the machine's; with the one that Chromium has in software. */
const GPU = {
  none: ['--disable-gpu'],
  hardware: [
    '--enable-unsafe-webgpu',
    '--ignore-gpu-blocklist',
    '--enable-features=Vulkan',
    '--use-angle=vulkan',
    '--disable-vulkan-surface',
  ],
  software: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
};

const launched: Partial<Record<keyof typeof GPU, Promise<Browser>>> = {};

/** A Chromium, started when a file of tests first asks for it. */
export function browser(gpu: keyof typeof GPU = 'none'): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  launched[gpu] ??= chromium.launch({ executablePath, headless: true, args: [...QUIET, ...GPU[gpu]] });
  return launched[gpu];
}

afterAll(async () => {
  for (const started of Object.values(launched)) await (await started).close();
});
