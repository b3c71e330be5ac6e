/** Contenders that do the same work in turns. */

/** Somebody who does it. */
export interface Contender {
  /** Does so many units of work. */
  run(times: number): void | Promise<void>;
  /** A number that tells whether the work was done right: all contenders come to the same. */
  check(): number | Promise<number>;
}

/** What was measured of a contender. */
export interface Measured {
  /** The check after the first units. */
  check: number;
  /** Milliseconds a unit took, in each sample. */
  ms: number[];
}

declare global {
  /** Samples of a kind of work, by contender. The first call for a kind does `units` of it and checks them. */
  var measure: (work: string, units: number, samples: number) => Promise<Record<string, Measured>>;
}

/** Milliseconds that a sample takes at least: a hundred times what the page's clock resolves. */
const SAMPLE = 10;
/** Milliseconds of work before the first sample, in which the browser compiles what is hot. */
const WARM_UP = 300;

const now = () => performance.now();

/** A contender on the track. */
class Runner {
  private times = 1;
  private warm = false;
  private measured: Measured = { check: Number.NaN, ms: [] };

  /** Each sample takes at least `least` milliseconds. */
  constructor(
    private readonly contender: Contender,
    private readonly least: number,
  ) {}

  async start(units: number): Promise<void> {
    await this.contender.run(units);
    this.measured.check = await this.contender.check();
  }

  /** Milliseconds of one sample. */
  private async lap(): Promise<number> {
    const start = now();
    await this.contender.run(this.times);
    return now() - start;
  }

  private async prepare(): Promise<void> {
    const end = now() + WARM_UP;
    while (now() < end) await this.contender.run(1);
    while ((await this.lap()) < this.least) this.times *= 2;
    this.warm = true;
  }

  async sample(): Promise<void> {
    if (!this.warm) await this.prepare();
    this.measured.ms.push((await this.lap()) / this.times);
  }

  take(): Measured {
    const { measured } = this;
    this.measured = { check: measured.check, ms: [] };
    return measured;
  }
}

/** A kind of work and all who do it, ready to be measured as often as one likes. */
export class Contest {
  private constructor(private readonly runners: [string, Runner][]) {}

  /** Lets each contender do `units` of work from its beginning. */
  static async of(contenders: Record<string, Contender>, units: number, least: number): Promise<Contest> {
    const runners: [string, Runner][] = [];
    for (const [name, contender] of Object.entries(contenders)) {
      const runner = new Runner(contender, least);
      await runner.start(units);
      runners.push([name, runner]);
    }
    return new Contest(runners);
  }

  /** Takes `samples` of each contender, in turns. */
  async measure(samples: number): Promise<Record<string, Measured>> {
    for (let sample = 0; sample < samples; sample += 1)
      for (const [, runner] of this.runners) {
        await runner.sample();
        // Lets the page collect what the contender has left behind.
        await new Promise((resolve) => setTimeout(resolve));
      }
    return Object.fromEntries(this.runners.map(([name, runner]) => [name, runner.take()]));
  }
}

/** Lets the driver measure these kinds of work, by samples of at least so many milliseconds. */
export function open(
  contests: Record<string, () => Promise<Record<string, Contender>>>,
  least = SAMPLE,
): void {
  const opened = new Map<string, Contest>();
  globalThis.measure = async (work, units, samples) => {
    if (!contests[work]) return {};
    const contest = opened.get(work) ?? (await Contest.of(await contests[work](), units, least));
    opened.set(work, contest);
    return contest.measure(samples);
  };
}
