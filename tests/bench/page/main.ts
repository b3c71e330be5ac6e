/** The page of the kernels: what the driver calls in it. */
import { open } from './contest.ts';
import { contests } from './contests.ts';

open(contests);
