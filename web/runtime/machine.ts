/** What the compute page and its worker say to each other. */

/** This machine as the module of the compute page gives it (`crate/measure/src/lib.rs`). Times are milliseconds. */
export interface Machine {
  readonly gpu: string | undefined;
  deviation(): Promise<number | undefined>;
  give_back(): void;
  cpu_product(size: number, milliseconds: number): Promise<number>;
  gpu_products(size: number, products: number, milliseconds: number): Promise<number | undefined>;
}

/** What was found at one size: billions of operations a second, where they were measured. */
export interface Rates {
  /** Rows and columns of the matrices. */
  size: number;
  cpu?: number;
  /** One product on the GPU, with the way there and back. */
  gpu?: number;
  /** A product within a chain that stays on the GPU. */
  chain?: number;
}

export type Finding =
  /** The GPU by its name, if there is one; how far its products are from the CPU's. */
  | { type: 'machine'; gpu?: string; deviation?: number }
  /** What is measured now, and how much of all was measured before, from 0 to 1. */
  | { type: 'at'; size: number; share: number }
  | { type: 'rates'; rates: Rates }
  | { type: 'done' }
  | { type: 'failed'; message: string };

/** The sizes that are measured. */
export const SIZES = [64, 128, 256, 512, 1024, 2048, 4096];
