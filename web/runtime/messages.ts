/** What the page and the worker say to each other. */
import type { Fault } from './specs';

/** How fast a run is played: a multiple of the normal pace, or as fast as it can be computed. */
export type Speed = 0.25 | 1 | 4 | 'max';

/** An order changes what runs. Its number comes back with every frame that already shows its effect. */
export type Command =
  /** Runs these settings, from the seed, to `step`; without one, to the step that is shown or on its way. */
  | { type: 'run'; settings: string; seed: number; step?: number; play?: boolean }
  | { type: 'play' }
  | { type: 'pause' }
  | { type: 'step' }
  /** Goes to a step, forwards or back, and stays there unless it was playing. */
  | { type: 'seek'; step: number }
  | { type: 'speed'; speed: Speed };

export type Order = Command & { serial: number };

export type Message =
  /** With what earlier visits measured of this machine's GPUs, by name. */
  | { type: 'open'; base: string; wing: string; slug: string; memory: Record<string, string> }
  | Order
  /** The page has drawn and can take another frame. */
  | { type: 'ask' }
  /** The exhibit is in sight, or out of it: then nothing runs. */
  | { type: 'sight'; seen: boolean }
  | { type: 'ping' };

/** A moment of the run. */
export interface FrameReport {
  type: 'frame';
  /** The newest order it answers. */
  serial: number;
  step: number;
  length: number;
  done: boolean;
  /** The furthest step run so far. */
  reached: number;
  playing: boolean;
  /** Whether it is what was ordered, rather than a moment on the way there. */
  arrived: boolean;
  /** The milliseconds that computing a step took so far, on average; 0 before the first. */
  pace: number;
  layout: string;
  claim: string;
  data: Float64Array;
  hash: string;
  /** What computed it: `CPU`, or a GPU by its name. */
  by: string;
}

export type Report =
  | { type: 'ready' }
  | FrameReport
  /** On the way to a step, for anything that takes a while. */
  | { type: 'progress'; serial: number; from: number; step: number; to: number }
  /** These settings cannot be run. */
  | { type: 'fault'; serial: number; fault: Fault }
  /** Was measured of this machine's GPU, and may be kept for later visits. */
  | { type: 'keep'; name: string; text: string }
  /** The worker is of no more use. */
  | { type: 'crashed'; message: string }
  | { type: 'pong' };

/** A session as the wing's WebAssembly module gives it (`crate/browser/src/lib.rs`). */
export interface Session {
  readonly step: number;
  readonly length: number;
  readonly done: boolean;
  advance(step: number, milliseconds: number): Promise<void>;
  rewind(step: number): void;
  retune(settings: string): boolean;
  frame(): { layout: string; claim: string; data: Float64Array; hash: string; by: string; free?(): void };
  free(): void;
}
