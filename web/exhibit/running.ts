/** A run as the page holds it: orders go out, frames come in, and are drawn once a screen refresh at most. */
import type { Command, FrameReport, Report } from '../runtime/messages';
import { Player, type Where } from '../runtime/player';
import type { Fault } from '../runtime/specs';

/** Whether the visitor wants no motion that was not asked for. */
export const stillness = matchMedia('(prefers-reduced-motion: reduce)');

/** Who looks at the run. */
export interface Spectator {
  /** Draws a moment. */
  draw(frame: FrameReport): void;
  /** A long way to a step has come so far, from 0 to 1; nothing once there. */
  underway(share: number | undefined): void;
  /** The settings cannot be run. */
  refused(fault: Fault): void;
  /** The run has stopped for good. */
  crashed(message: string): void;
}

export class Running {
  /** The milliseconds from the last order to the drawn frame that answers it. */
  latency = Number.NaN;

  private player: Player | undefined;
  private next: FrameReport | undefined;
  private drawing = 0;
  private input: { serial: number; time: number } | undefined;
  private waiting: { serial: number; resolve: () => void }[] = [];
  /** Orders given before there was anyone to take them. */
  private early: Command[] = [];

  constructor(private readonly spectator: Spectator) {}

  get alive(): boolean {
    return this.player !== undefined;
  }

  /** Whether orders wait for the start. */
  get ordered(): boolean {
    return this.early.length > 0;
  }

  /** Starts, with `first` before whatever was ordered early. */
  start(where: Where, first: Command[]): void {
    this.player = new Player(where, (report) => this.hear(report));
    const orders = [...first, ...this.early];
    this.early = [];
    for (const command of orders) this.order(command);
  }

  /** Gives an order, or keeps it for the start. */
  order(command: Command): number {
    if (!this.player) {
      this.early.push(command);
      return 0;
    }
    const serial = this.player.order(command);
    this.input = { serial, time: performance.now() };
    return serial;
  }

  /** Resolves once what was ordered is drawn, or refused. */
  arrival(serial: number): Promise<void> {
    return new Promise((resolve) => this.waiting.push({ serial, resolve }));
  }

  /** Lets it run only in sight. */
  sight(seen: boolean): void {
    this.player?.sight(seen);
  }

  close(): void {
    this.player?.close();
    this.player = undefined;
    cancelAnimationFrame(this.drawing);
    this.drawing = 0;
    this.next = undefined;
    this.input = undefined;
    this.settle(Number.POSITIVE_INFINITY);
  }

  private hear(report: Report) {
    switch (report.type) {
      case 'frame':
        this.next = report;
        if (!this.drawing) this.drawing = requestAnimationFrame(() => this.drawNext());
        break;
      case 'progress': {
        const { from, step, to } = report;
        this.spectator.underway(to > from ? (step - from) / (to - from) : undefined);
        break;
      }
      case 'fault':
        // A frame that waits to be drawn came first: drawn later, it would take the words away.
        cancelAnimationFrame(this.drawing);
        this.drawNext();
        this.input = undefined;
        this.spectator.refused(report.fault);
        this.settle(report.serial);
        break;
      case 'crashed':
        this.close();
        this.spectator.crashed(report.message);
        break;
      default:
    }
  }

  private drawNext() {
    this.drawing = 0;
    const { next: frame, player } = this;
    this.next = undefined;
    if (!frame || !player) return;
    // Ask before drawing: the worker computes the next moment meanwhile.
    player.ask();
    if (!frame.arrived && !frame.playing && stillness.matches) return;
    this.spectator.draw(frame);
    if (this.input && frame.serial >= this.input.serial) {
      this.latency = performance.now() - this.input.time;
      this.input = undefined;
    }
    if (frame.arrived) {
      this.spectator.underway(undefined);
      this.settle(frame.serial);
    }
  }

  private settle(serial: number) {
    const met = this.waiting.filter((wait) => wait.serial <= serial);
    this.waiting = this.waiting.filter((wait) => wait.serial > serial);
    for (const { resolve } of met) resolve();
  }
}
