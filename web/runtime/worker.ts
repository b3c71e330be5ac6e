/** The worker: owns the session, so that the page never computes. */
import { load } from './engine';
import type { Message, Report } from './messages';
import { Runner } from './runner';

const post = (report: Report, transfer: Transferable[] = []) =>
  (self as unknown as { postMessage(report: Report, transfer: Transferable[]): void }).postMessage(
    report,
    transfer,
  );

/** What the panic hook wrote last: the only words there are when a module traps. */
let lastWords = '';
const { error: complain } = console;
console.error = (...words: unknown[]) => {
  lastWords = String(words[0]).split('\n\nStack')[0];
  complain(...words);
};

const crash = (thrown: unknown) => post({ type: 'crashed', message: lastWords || String(thrown) });

// A trap inside a step surfaces here: it happens in the module's own task, whose promise then never settles.
self.addEventListener('error', (event) => {
  event.preventDefault();
  crash(event.message);
});
self.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  crash((event as PromiseRejectionEvent).reason);
});

let waking: (() => void) | undefined;
const { port1, port2 } = new MessageChannel();
port1.onmessage = () => waking?.();

/** Rests: with no time to wait, just long enough for messages to be heard. */
function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    waking = () => {
      clearTimeout(timer);
      waking = undefined;
      resolve();
    };
    if (milliseconds === 0) port2.postMessage(0);
    else if (milliseconds < Number.POSITIVE_INFINITY) timer = setTimeout(waking, milliseconds);
  });
}

const early: Message[] = [];
let runner: Runner | undefined;

async function open({ base, wing, slug, memory }: Extract<Message, { type: 'open' }>): Promise<void> {
  // For the module (`crate/browser/src/lib.rs`).
  Object.assign(globalThis, {
    orreryRecall: (name: string) => memory[name],
    orreryKeep: (name: string, text: string) => post({ type: 'keep', name, text }),
  });
  try {
    const engine = await load(base, wing);
    runner = new Runner({
      open: (settings, seed) => engine(slug, settings, seed),
      post: (report, transfer) => {
        if (report.type === 'crashed' && lastWords) report.message = lastWords;
        post(report, transfer);
      },
      now: () => performance.now(),
      rest,
      wake: () => waking?.(),
    });
    post({ type: 'ready' });
    for (const message of early) runner.hear(message);
  } catch (thrown) {
    post({
      type: 'crashed',
      message: `The exhibit's module could not be loaded (${thrown instanceof Error ? thrown.message : thrown}).`,
    });
  }
}

self.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if (data.type === 'open') void open(data);
  else if (runner) runner.hear(data);
  else if (data.type === 'ping') post({ type: 'pong' });
  else early.push(data);
});
