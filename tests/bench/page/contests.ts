/** Every kind of work by its name in `crate/bench`, with all who do it in the page. */
import type { Contender } from './contest.ts';
import { matmul } from './matmul.ts';
import { logDomain } from './sinkhorn.ts';

export const contests: Record<string, () => Promise<Record<string, Contender>>> = {
  matmul_f32: matmul,
  sinkhorn_log_f64: () => logDomain('float64'),
};
