/**
 * Runs a session as the page orders: in slices, so that orders are heard in between; towards a step in all haste, or at
 * a pace; giving frames only as fast as the page draws them. Knows neither workers nor WebAssembly.
 */
import type { Message, Order, Report, Session, Speed } from './messages';
import { Pace } from './pace';
import type { Fault } from './specs';

/** The most milliseconds a slice computes. */
export const SLICE_MS = 8;

/** A picture that takes longer than this to come is shown while it comes. */
export const PROGRESSIVE_MS = 100;

/** A run that will be there sooner than this is let finish: a hand that drags would otherwise abandon every one. */
export const NEARLY_MS = 50;

/** Progress is told for anything that takes longer. */
export const PROGRESS_MS = 300;

/** What the runner needs of its surroundings. */
export interface Surroundings {
  /** Begins a run; throws the fault as JSON text. */
  open(settings: string, seed: number): Session;
  post(report: Report, transfer: Transferable[]): void;
  now(): number;
  /** Lets messages in, for at least so many milliseconds or until `wake`. */
  rest(milliseconds: number): Promise<void>;
  wake(): void;
}

type Run = Extract<Order, { type: 'run' }>;

/** The fault in what a session threw, or nothing if it threw anything else. */
export function faultOf(thrown: unknown): Fault | undefined {
  if (typeof thrown !== 'string') return undefined;
  try {
    const fault: unknown = JSON.parse(thrown);
    if (typeof fault === 'object' && fault !== null && 'message' in fault) return fault as Fault;
  } catch {
    // Not JSON: the text itself is the message.
  }
  return { message: thrown };
}

export class Runner {
  private inbox: Order[] = [];
  private looping = false;
  /** Something was heard since the loop last looked. */
  private heard = false;
  private session: Session | undefined;
  /** What the session was begun with. */
  private seed: number | undefined;
  /** The step to reach in all haste; absent once there. */
  private target: number | undefined;
  private hurryingSince = 0;
  private hurryingFrom = 0;
  private toldAt = 0;
  private playing = false;
  private pace = new Pace();
  private reached = 0;
  /** Steps of this session so far, rewound or not, and the milliseconds that computing them took. */
  private run = { steps: 0, milliseconds: 0 };
  private serial = 0;
  /** Why the session no longer is what the controls say. */
  private fault: Fault | undefined;
  private seen = true;
  /** The page can take a frame. */
  private asked = true;
  /** The page has not seen the present moment. */
  private fresh = false;
  /** When the oldest order came that no frame has answered yet. */
  private unansweredSince: number | undefined;
  /** A moment on the way was shown, so the following ones are as well. */
  private progressive = false;

  constructor(private readonly around: Surroundings) {}

  hear(message: Message): void {
    switch (message.type) {
      case 'open':
        return;
      case 'ping':
        this.around.post({ type: 'pong' }, []);
        return;
      case 'ask':
        this.asked = true;
        break;
      case 'sight':
        this.seen = message.seen;
        if (this.session) this.pace.anchor(this.around.now(), this.session.step);
        break;
      default:
        this.inbox.push(message);
        this.unansweredSince ??= this.around.now();
    }
    this.heard = true;
    this.around.wake();
    if (!this.looping) void this.loop();
  }

  private async loop(): Promise<void> {
    this.looping = true;
    try {
      for (;;) {
        this.heard = false;
        this.obey();
        const rest = await this.slice();
        this.show();
        // What was heard meanwhile found nobody resting to be woken.
        if (!this.heard && rest === Number.POSITIVE_INFINITY) return;
        await this.around.rest(this.heard ? 0 : rest);
      }
    } catch (thrown) {
      this.around.post(
        { type: 'crashed', message: thrown instanceof Error ? thrown.message : String(thrown) },
        [],
      );
    } finally {
      this.looping = false;
    }
  }

  /** Takes all orders that have come. Of several runs only the newest is begun. */
  private obey(): void {
    const orders = this.inbox;
    if (orders.some(({ type }) => type === 'run') && this.nearlyThere()) return;
    this.inbox = [];
    const newest = orders.findLastIndex((order) => order.type === 'run');
    let goal: number | undefined;
    let play: boolean | undefined;
    for (const [index, order] of orders.entries()) {
      this.serial = order.serial;
      this.fresh = true;
      if (order.type !== 'run') {
        this.take(order);
        continue;
      }
      goal = order.step ?? goal;
      play = order.play ?? play;
      if (index === newest) this.begin(order, goal, play);
    }
    // Every order is answered: while the settings cannot be run, by why not.
    if (this.fault && orders.length > 0) {
      this.around.post({ type: 'fault', serial: this.serial, fault: this.fault }, []);
    }
  }

  /** Whether the run on its way to a step will soon be there, by the pace it has had so far. */
  private nearlyThere(): boolean {
    const { session, target } = this;
    if (!session || target === undefined || this.fault || !this.seen) return false;
    const run = session.step - this.hurryingFrom;
    const left = Math.min(target, session.length) - session.step;
    return run > 0 && (left / run) * (this.around.now() - this.hurryingSince) < NEARLY_MS;
  }

  private take(order: Exclude<Order, Run>): void {
    const { session } = this;
    const now = this.around.now();
    if (order.type === 'speed') this.pace.change(order.speed as Speed, now, session?.step ?? 0);
    if (!session) return;
    switch (order.type) {
      case 'play':
        this.playing = true;
        if (session.done && this.target === undefined) this.hurry(0);
        this.pace.anchor(now, session.step);
        break;
      case 'pause':
        this.playing = false;
        break;
      case 'step':
        this.playing = false;
        this.hurry((this.target ?? session.step) + 1);
        break;
      case 'seek':
        this.hurry(order.step);
        break;
      default:
    }
  }

  private begin(order: Run, goal: number | undefined, play: boolean | undefined): void {
    const { session } = this;
    const wanted = goal ?? this.target ?? (session?.done ? Number.POSITIVE_INFINITY : (session?.step ?? 0));
    if (play !== undefined) this.playing = play;
    try {
      const tuned = session !== undefined && order.seed === this.seed && session.retune(order.settings);
      if (!tuned) {
        const next = this.around.open(order.settings, order.seed);
        session?.free();
        this.session = next;
        this.seed = order.seed;
        this.reached = 0;
        this.run = { steps: 0, milliseconds: 0 };
      }
      if (!tuned || goal !== undefined || this.fault) this.hurry(wanted);
      this.fault = undefined;
    } catch (thrown) {
      const fault = faultOf(thrown);
      if (!fault) throw thrown;
      // The step is remembered for the settings that will run again.
      this.target = wanted;
      this.fault = fault;
    }
  }

  /** Sets out for a step, from the nearest moment at or before it. */
  private hurry(step: number): void {
    const { session } = this;
    if (!session) return;
    session.rewind(step);
    this.target = step;
    this.hurryingSince = this.around.now();
    this.hurryingFrom = session.step;
    this.progressive = false;
    this.arriveIfThere(session);
  }

  private arriveIfThere(session: Session): void {
    if (this.target === undefined || !(session.done || session.step >= this.target)) return;
    this.target = undefined;
    this.fresh = true;
    this.pace.anchor(this.around.now(), session.step);
  }

  /** Computes for a while; says how long to rest then, `Infinity` for until something is heard. */
  private async slice(): Promise<number> {
    const { session } = this;
    if (!session || this.fault || !this.seen) return Number.POSITIVE_INFINITY;
    if (this.target !== undefined) {
      await this.advance(session, Math.min(this.target, session.length));
      this.arriveIfThere(session);
      this.tell(session);
      return 0;
    }
    if (!this.playing) return Number.POSITIVE_INFINITY;
    if (session.done) {
      this.playing = false;
      this.fresh = true;
      return Number.POSITIVE_INFINITY;
    }
    const due = this.pace.due(this.around.now(), session.length);
    if (due > session.step) {
      await this.advance(session, due);
      if (session.done) this.playing = false;
      this.pace.settle(this.around.now(), session.step, session.length);
    }
    if (session.done) return Number.POSITIVE_INFINITY;
    const wait = this.pace.wait(this.around.now(), session.step, session.length);
    // A page draws every 16 ms at most: waking for every one of many cheap steps is waste.
    return wait > 0 ? Math.max(wait, SLICE_MS / 2) : 0;
  }

  private async advance(session: Session, step: number): Promise<void> {
    const [from, since] = [session.step, this.around.now()];
    await session.advance(step, SLICE_MS);
    this.run.steps += session.step - from;
    this.run.milliseconds += this.around.now() - since;
    this.fresh = true;
    this.reached = Math.max(this.reached, session.step);
  }

  private tell(session: Session): void {
    const now = this.around.now();
    if (
      this.target === undefined ||
      now - this.hurryingSince < PROGRESS_MS ||
      now - this.toldAt < PROGRESSIVE_MS
    )
      return;
    this.toldAt = now;
    const to = Math.min(this.target, session.length);
    this.around.post(
      { type: 'progress', serial: this.serial, from: this.hurryingFrom, step: session.step, to },
      [],
    );
  }

  /** Whether the present moment is one to show, once the page asks. */
  private due(): boolean {
    if (this.target === undefined || this.progressive) return true;
    return this.unansweredSince !== undefined && this.around.now() - this.unansweredSince > PROGRESSIVE_MS;
  }

  private show(): void {
    const { session } = this;
    if (!session || this.fault || !this.asked || !this.fresh || !this.due()) return;
    const shown = session.frame();
    const { layout, claim, data, hash, by } = shown;
    shown.free?.();
    this.asked = false;
    this.fresh = false;
    this.unansweredSince = this.inbox.length > 0 ? this.around.now() : undefined;
    const arrived = this.target === undefined;
    this.progressive = !arrived;
    const { serial, reached, playing, run } = this;
    const { step, length, done } = session;
    const at = {
      step,
      length,
      done,
      reached,
      playing,
      arrived,
      pace: run.steps && run.milliseconds / run.steps,
    };
    this.around.post({ type: 'frame', serial, ...at, layout, claim, data, hash, by }, [
      data.buffer as ArrayBuffer,
    ]);
  }
}
