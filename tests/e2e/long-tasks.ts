/** How long a page's main thread is kept from answering. */
import type { Page } from 'playwright-core';

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** When it began, in microseconds. */
  ts: number;
  /** Microseconds of the thread's own processor time. */
  tdur?: number;
}

const CATEGORIES = ['disabled-by-default-devtools.timeline', 'blink.user_timing'];

/** A browser traces for one at a time. */
let tracing: Promise<unknown> = Promise.resolve();

/** The longest task while `act` runs, in milliseconds by the clock; 0 where none takes over 50. */
export async function longestTask(page: Page, act: () => Promise<void>): Promise<number> {
  await page.evaluate(() => globalThis.orreryLongTasks.splice(0));
  await act();
  return Math.max(0, ...(await page.evaluate(() => globalThis.orreryLongTasks)));
}

/**
 * The longest task while `act` runs, in milliseconds of the thread's own time: when other processes hold the
 * processor, the clock goes on and this does not.
 */
export function longestTaskAlone(page: Page, act: () => Promise<void>): Promise<number> {
  const traced = tracing.then(() => trace(page, act));
  tracing = traced.catch(() => {});
  return traced;
}

async function trace(page: Page, act: () => Promise<void>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: CATEGORIES },
  });
  // Says which of all threads in the trace is the page's, and when `act` began.
  await page.evaluate(() => performance.mark('orrery-here'));
  await act();
  await session.send('Tracing.end');
  await complete;
  await session.detach();
  const here = events.find(({ name }) => name === 'orrery-here');
  if (!here) throw new Error('the trace has not seen the page');
  const tasks = events.filter(
    ({ name, pid, tid, ts }) => name === 'RunTask' && pid === here.pid && tid === here.tid && ts > here.ts,
  );
  if (tasks.length === 0) throw new Error('the trace has no task of the page');
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur / 1000));
}
