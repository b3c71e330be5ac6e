import { describe, expect, it } from 'vitest';
import type { Command, FrameReport, Report, Session } from './messages';
import { Pace, PLAY_MS } from './pace';
import { faultOf, Runner } from './runner';

interface Plan {
  length: number;
  /** Milliseconds a step takes on the stage's clock. */
  cost: number;
  live?: number;
  fault?: string;
  trap?: boolean;
}

/** A session that counts, on a clock that moves only when something runs. */
class Counting implements Session {
  step = 0;
  private kept = 0;
  freed = false;
  constructor(
    private plan: Plan,
    private readonly stage: Stage,
  ) {}
  get length() {
    return this.plan.length;
  }
  get done() {
    return this.step >= this.plan.length;
  }
  async advance(step: number, milliseconds: number) {
    if (this.plan.trap) throw new Error('unreachable');
    const end = this.stage.time + milliseconds;
    while (!this.done && this.step < step) {
      this.step += 1;
      this.stage.time += this.plan.cost;
      if (this.step % 10 === 0) this.kept = this.step;
      if (this.stage.time >= end) break;
    }
    this.stage.longest = Math.max(this.stage.longest, this.stage.time - end + milliseconds);
  }
  rewind(step: number) {
    if (step < this.step) this.step = step >= this.kept ? this.kept : 0;
  }
  retune(settings: string) {
    const { live, ...rest } = JSON.parse(settings) as Plan;
    const { live: _, ...mine } = this.plan;
    const tuned = JSON.stringify(rest) === JSON.stringify(mine);
    if (tuned) this.plan = { ...this.plan, live };
    return tuned;
  }
  frame() {
    const { plan, step } = this;
    return {
      layout: '[]',
      claim: '{}',
      data: new Float64Array([step]),
      hash: `${plan.length}/${plan.live ?? 0}@${step}`,
      by: 'CPU',
    };
  }
  free() {
    this.freed = true;
  }
}

/** A page and a clock around a runner. The page asks for the next frame 16 ms after it got one. */
class Stage {
  time = 0;
  longest = 0;
  reports: Report[] = [];
  opened: Counting[] = [];
  private serial = 0;
  private script: { at: number; run: () => void }[] = [];
  private nextAsk = Number.POSITIVE_INFINITY;
  private resting: { until: number; over: () => void } | undefined;
  runner = new Runner({
    open: (settings) => {
      const plan = JSON.parse(settings) as Plan;
      if (plan.fault) throw JSON.stringify({ control: 'plan', message: plan.fault });
      const session = new Counting(plan, this);
      this.opened.push(session);
      return session;
    },
    post: (report) => {
      this.reports.push(report);
      if (report.type === 'frame') this.nextAsk = this.time + 16;
    },
    now: () => this.time,
    rest: (milliseconds) =>
      new Promise((resolve) => {
        const over = () => {
          this.resting = undefined;
          resolve();
        };
        this.resting = { until: this.time + milliseconds, over };
      }),
    wake: () => this.resting?.over(),
  });

  order(command: Command) {
    this.serial += 1;
    this.runner.hear({ ...command, serial: this.serial });
    return this.serial;
  }

  at(time: number, run: () => void) {
    this.script.push({ at: time, run });
    this.script.sort((a, b) => a.at - b.at);
  }

  /** Lets time pass: the runner computes, the page asks, the script goes on. */
  async until(time: number) {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const rested = this.resting?.until ?? Number.POSITIVE_INFINITY;
      const scripted = this.script[0]?.at ?? Number.POSITIVE_INFINITY;
      const next = Math.max(this.time, Math.min(rested, scripted, this.nextAsk));
      if (next > time) break;
      this.time = next;
      if (scripted <= next) this.script.shift()?.run();
      else if (this.nextAsk <= next) {
        this.nextAsk = Number.POSITIVE_INFINITY;
        this.runner.hear({ type: 'ask' });
      } else this.resting?.over();
    }
    this.time = Math.max(this.time, time);
  }

  get frames() {
    return this.reports.filter((report) => report.type === 'frame') as FrameReport[];
  }

  get last() {
    return this.frames[this.frames.length - 1];
  }
}

const plan = (length: number, cost: number, more: Partial<Plan> = {}) =>
  JSON.stringify({ length, cost, ...more });

describe('a runner', () => {
  it('shows the start, and plays the whole run in six seconds', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(600, 0.1), seed: 0, step: 0 });
    await stage.until(20);
    expect(stage.last).toMatchObject({ step: 0, arrived: true, playing: false });
    const begun = stage.time;
    stage.order({ type: 'play' });
    await stage.until(begun + PLAY_MS / 2);
    expect(stage.last.step).toBeGreaterThan(280);
    expect(stage.last.step).toBeLessThan(320);
    await stage.until(begun + PLAY_MS + 100);
    expect(stage.last).toMatchObject({ step: 600, done: true, playing: false });
    expect(stage.longest).toBeLessThanOrEqual(8.2);
  });

  it('gives no frame that the page has not asked for', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(10_000, 1), seed: 0, step: 0 });
    stage.order({ type: 'speed', speed: 'max' });
    stage.order({ type: 'play' });
    await stage.until(1000);
    expect(stage.frames.length).toBeGreaterThan(30);
    expect(stage.frames.length).toBeLessThanOrEqual(1000 / 16 + 2);
    expect(stage.last.step).toBeGreaterThan(900);
  });

  it('lets the newest settings overtake the older, and shows something meanwhile', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(1000, 1), seed: 0, step: 300 });
    await stage.until(400);
    expect(stage.last).toMatchObject({ step: 300, arrived: true });
    const count = stage.frames.length;
    for (let drag = 1; drag <= 20; drag++) {
      stage.at(stage.time + 16 * drag, () =>
        stage.order({ type: 'run', settings: plan(1000 + drag, 1), seed: 0 }),
      );
    }
    await stage.until(stage.time + 16 * 20 + 400);
    const during = stage.frames.slice(count);
    expect(stage.last).toMatchObject({ hash: '1020/0@300', step: 300, arrived: true, serial: 21 });
    // About every 100 ms a moment of the run in progress, and never a run to 300 of a setting that was overtaken.
    expect(during.filter((frame) => frame.arrived)).toHaveLength(1);
    expect(during.some((frame) => !frame.arrived)).toBe(true);
    expect(stage.opened.filter((session) => !session.freed)).toHaveLength(1);
  });

  it('hears what comes while it has nothing to do', async () => {
    const stage = new Stage();
    stage.order({ type: 'speed', speed: 4 });
    stage.order({ type: 'run', settings: plan(600, 0.1), seed: 0, step: 0, play: true });
    await stage.until(1000);
    expect(stage.last.step).toBeGreaterThan(350);
    stage.runner.hear({ type: 'sight', seen: false });
    stage.runner.hear({ type: 'sight', seen: true });
    await stage.until(2000);
    expect(stage.last).toMatchObject({ step: 600, done: true });
  });

  it('lets a run finish that is nearly there, so that a drag drags whole pictures', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(1000, 1), seed: 0, step: 40 });
    await stage.until(100);
    const count = stage.frames.length;
    for (let drag = 1; drag <= 20; drag++) {
      stage.at(stage.time + 16 * drag, () =>
        stage.order({ type: 'run', settings: plan(1000 + drag, 1), seed: 0 }),
      );
    }
    await stage.until(stage.time + 16 * 20 + 100);
    const during = stage.frames.slice(count);
    expect(during.every((frame) => frame.arrived && frame.step === 40)).toBe(true);
    expect(during.length).toBeGreaterThan(5);
    expect(stage.last).toMatchObject({ hash: '1020/0@40', serial: 21 });
  });

  it('begins only the newest of several settings heard at once', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(100, 0.1), seed: 0, step: 50 });
    for (let n = 1; n <= 9; n++) stage.order({ type: 'run', settings: plan(100 + n, 0.1), seed: 0 });
    await stage.until(50);
    expect(stage.opened.map((session) => session.length)).toEqual([100, 109]);
    expect(stage.last).toMatchObject({ hash: '109/0@50' });
  });

  it('shows a quick re-run only when it is whole', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(100, 0.5), seed: 0, step: 100 });
    await stage.until(100);
    expect(stage.frames.map((frame) => frame.step)).toEqual([100]);
    stage.order({ type: 'run', settings: plan(120, 0.5), seed: 0 });
    await stage.until(200);
    // It was at its end, so it goes to its new end.
    expect(stage.frames.map((frame) => frame.step)).toEqual([100, 120]);
    expect(stage.reports.some((report) => report.type === 'progress')).toBe(false);
  });

  it('seeks both ways to the same frame, and tells progress of a long way', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(1000, 1), seed: 0, step: 0 });
    stage.order({ type: 'seek', step: 700 });
    await stage.until(900);
    expect(stage.last).toMatchObject({ step: 700, arrived: true, reached: 700 });
    const told = stage.reports.filter((report) => report.type === 'progress');
    expect(told.length).toBeGreaterThan(2);
    expect(told[0]).toMatchObject({ from: 0, to: 700 });
    stage.order({ type: 'seek', step: 123 });
    await stage.until(1200);
    expect(stage.last).toMatchObject({ step: 123, hash: '1000/0@123', reached: 700 });
    stage.order({ type: 'step' });
    await stage.until(1300);
    expect(stage.last).toMatchObject({ step: 124, playing: false });
  });

  it('says what a step takes, whatever the pace', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(100, 3), seed: 0, step: 40 });
    await stage.until(300);
    expect(stage.last.pace).toBeCloseTo(3);
    stage.order({ type: 'run', settings: plan(100, 0.5), seed: 0, step: 0 });
    await stage.until(400);
    expect(stage.last.pace).toBe(0);
    stage.order({ type: 'play' });
    await stage.until(3000);
    expect(stage.last.pace).toBeCloseTo(0.5);
  });

  it('changes a live control without running anything again', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(100, 1), seed: 0, step: 40 });
    await stage.until(200);
    stage.order({ type: 'run', settings: plan(100, 1, { live: 3 }), seed: 0 });
    await stage.until(250);
    expect(stage.opened).toHaveLength(1);
    expect(stage.last).toMatchObject({ hash: '100/3@40', serial: 2 });
    stage.order({ type: 'run', settings: plan(100, 1, { live: 3 }), seed: 1 });
    await stage.until(500);
    expect(stage.opened).toHaveLength(2);
    expect(stage.last.step).toBe(40);
  });

  it('tells a fault, waits, and goes on from the same step once the settings run', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(100, 0.1), seed: 0, step: 60 });
    await stage.until(100);
    stage.order({ type: 'run', settings: plan(100, 1, { fault: 'too small' }), seed: 0 });
    await stage.until(200);
    expect(stage.reports).toContainEqual(
      expect.objectContaining({ type: 'fault', serial: 2, fault: { control: 'plan', message: 'too small' } }),
    );
    const count = stage.frames.length;
    stage.order({ type: 'pause' });
    await stage.until(250);
    expect(stage.reports.at(-1)).toMatchObject({ type: 'fault', serial: 3 });
    stage.order({ type: 'run', settings: plan(110, 0.1), seed: 0 });
    await stage.until(300);
    expect(stage.frames.length).toBe(count + 1);
    expect(stage.last).toMatchObject({ hash: '110/0@60' });
  });

  it('stops out of sight and goes on where it was', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(600, 0.1), seed: 0, step: 0 });
    stage.order({ type: 'play' });
    await stage.until(1000);
    stage.runner.hear({ type: 'sight', seen: false });
    const { step } = stage.last;
    await stage.until(3000);
    expect(stage.last.step).toBeLessThanOrEqual(step + 5);
    stage.runner.hear({ type: 'sight', seen: true });
    await stage.until(3200);
    expect(stage.last.step).toBeGreaterThan(step + 10);
    expect(stage.last.step).toBeLessThan(step + 40);
  });

  it('reports a trap as a crash', async () => {
    const stage = new Stage();
    stage.order({ type: 'run', settings: plan(10, 1, { trap: true }), seed: 0, step: 5 });
    await stage.until(50);
    expect(stage.reports).toContainEqual(
      expect.objectContaining({ type: 'crashed', message: 'unreachable' }),
    );
  });
});

describe('the pace', () => {
  it('is a quarter, once, four times the normal, or all there is', () => {
    const due = (speed: 0.25 | 1 | 4 | 'max') => {
      const pace = new Pace(speed);
      pace.anchor(1000, 0);
      return pace.due(1000 + PLAY_MS / 4, 1000);
    };
    expect([due(0.25), due(1), due(4), due('max')]).toEqual([62, 250, 1000, 1000]);
  });

  it('waits for the next step of a short run', () => {
    const pace = new Pace();
    pace.anchor(0, 0);
    expect(pace.due(599, 10)).toBe(0);
    expect(pace.wait(100, 0, 10)).toBe(500);
    expect(pace.due(600, 10)).toBe(1);
  });

  it('forgives what a slow run owes', () => {
    const pace = new Pace();
    pace.anchor(0, 0);
    pace.settle(3000, 10, 600);
    expect(pace.due(3000, 600)).toBe(10);
    expect(pace.due(3100, 600)).toBe(20);
  });
});

describe('what a session throws', () => {
  it('is a fault when it is text, and a crash when it is anything else', () => {
    expect(faultOf('{"control":"f","message":"no","at":3}')).toEqual({ control: 'f', message: 'no', at: 3 });
    expect(faultOf('no JSON')).toEqual({ message: 'no JSON' });
    expect(faultOf(new Error('unreachable'))).toBeUndefined();
  });
});
