/** Our own kernels: the module made of `crate/bench`. */
import type { Contender } from './contest.ts';

type Workload = (times: number) => number;

const { instance } = await WebAssembly.instantiateStreaming(fetch('orrery.wasm'));

/** The workload that the module exports under `name`. */
export function orrery(name: string): Contender {
  const workload = instance.exports[name] as Workload | undefined;
  if (!workload) throw new Error(`the module has no workload ${name}`);
  return { run: (times) => void workload(times), check: () => workload(0) };
}
