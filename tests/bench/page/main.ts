/** What the driver calls in the page. */
import { Contest } from './contest.ts';
import { contests } from './contests.ts';

const open = new Map<string, Contest>();

globalThis.measure = async (work, units, samples) => {
  const contest = open.get(work) ?? (await Contest.of(await contests[work](), units));
  open.set(work, contest);
  return contest.measure(samples);
};
