/** Every kind of work by its name in `crate/bench`, with all who do it in the page. */
import type { Contender } from './contest.ts';
import { fourier } from './fourier.ts';
import { matmul } from './matmul.ts';
import { logDomain, scaling } from './sinkhorn.ts';
import { s4dKernel, selectiveScan } from './state-space.ts';
import { training } from './training.ts';

export const contests: Record<string, () => Promise<Record<string, Contender>>> = {
  matmul_f32: () => matmul('float32'),
  matmul_f64: () => matmul('float64'),
  sinkhorn_scaling_f32: () => scaling('float32'),
  sinkhorn_scaling_f64: () => scaling('float64'),
  sinkhorn_log_f32: () => logDomain('float32'),
  sinkhorn_log_f64: () => logDomain('float64'),
  selective_scan: selectiveScan,
  s4d_kernel: s4dKernel,
  fft_f32: () => fourier('float32'),
  fft_f64: () => fourier('float64'),
  training_step: training,
};
