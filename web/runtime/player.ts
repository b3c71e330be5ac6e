/** The page's end of the worker. Starts it, orders, listens, and notices when it no longer answers. */
import { keep, recall } from './memory';
import type { Command, Message, Report } from './messages';
import ExhibitWorker from './worker?worker&inline';

/** Which exhibit, and where its site lies. */
export interface Where {
  base: string;
  wing: string;
  slug: string;
}

const PING_MS = 2000;

/** So many pings in a row without an answer mean that a step hangs. Ticks, not a clock: a page may itself sleep. */
const SILENT_PINGS = 5;

/** Loading over a slow line blocks the worker for longer. */
const SILENT_PINGS_LOADING = 60;

export class Player {
  private readonly worker = new ExhibitWorker();
  private readonly watch: ReturnType<typeof setInterval>;
  private serial = 0;
  private answered = 0;
  private playing = false;
  private ready = false;
  private seen = true;
  private silent = 0;

  constructor(
    where: Where,
    private readonly heard: (report: Report) => void,
  ) {
    this.worker.addEventListener('message', ({ data }: MessageEvent<Report>) => this.hear(data));
    this.worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.crash(event.message || 'the worker could not be started');
    });
    this.watch = setInterval(() => this.ping(), PING_MS);
    this.send({ type: 'open', ...where, memory: recall() });
  }

  /** Gives an order; its number comes back with the frames that show its effect. */
  order(command: Command): number {
    this.serial += 1;
    if (command.type === 'play' || (command.type === 'run' && command.play)) this.playing = true;
    this.send({ ...command, serial: this.serial });
    return this.serial;
  }

  /** The page has drawn and can take another frame. */
  ask(): void {
    this.send({ type: 'ask' });
  }

  /** Lets it run only in sight. */
  sight(seen: boolean): void {
    if (seen === this.seen) return;
    this.seen = seen;
    this.send({ type: 'sight', seen });
  }

  /** Ends it, whatever it is doing. */
  close(): void {
    clearInterval(this.watch);
    this.worker.terminate();
  }

  private send(message: Message) {
    this.worker.postMessage(message);
  }

  private hear(report: Report) {
    this.silent = 0;
    if (report.type === 'ready') this.ready = true;
    if (report.type === 'frame') {
      this.playing = report.playing;
      if (report.arrived) this.answered = Math.max(this.answered, report.serial);
    }
    if (report.type === 'fault') this.answered = Math.max(this.answered, report.serial);
    if (report.type === 'crashed') this.crash(report.message);
    else if (report.type === 'keep') keep(report.name, report.text);
    else this.heard(report);
  }

  private crash(message: string) {
    this.close();
    this.heard({ type: 'crashed', message });
  }

  private ping() {
    const busy = this.seen && (this.playing || this.answered < this.serial);
    if (!busy) {
      this.silent = 0;
      return;
    }
    this.silent += 1;
    if (this.silent > (this.ready ? SILENT_PINGS : SILENT_PINGS_LOADING)) {
      this.crash('it has not answered for ten seconds');
    } else this.send({ type: 'ping' });
  }
}
