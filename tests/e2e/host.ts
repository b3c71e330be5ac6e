/** Serves the built site, once for all files of tests. */
import type { TestProject } from 'vitest/node';
import { serve } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the site, with the closing slash. */
    site: string;
  }
}

export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const site = await serve('dist');
  project.provide('site', site.address);
  return site.close;
}
