/** The compute page: measures this machine in a worker, and shows what comes. */
import '../figures/figure.ts';
import { type Finding, type Rates, SIZES } from '../runtime/machine.ts';
import Measurer from '../runtime/measurer.ts?worker&inline';
import { agreement, CONTENDERS, figure, shownRate, verdict } from './verdict.ts';

const one = <E extends Element>(selector: string) => document.querySelector(selector) as E;
const button = one<HTMLButtonElement>('.bench button');
const progress = one<HTMLProgressElement>('.bench progress');
const status = one<HTMLOutputElement>('.bench output');
const words = one<HTMLElement>('.found');
const plot = document.createElement('orrery-figure');

type Found = { machine?: Extract<Finding, { type: 'machine' }>; rates: Map<number, Rates> };

let worker: Worker | undefined;
let found: Found = { rates: new Map() };

function start(): void {
  found = { rates: new Map() };
  show();
  words.replaceChildren();
  progress.value = 0;
  status.value = 'Looking for a GPU';
  button.textContent = 'Stop';
  worker = new Measurer();
  worker.addEventListener('message', ({ data }: MessageEvent<Finding>) => hear(data));
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    end(`The measurement broke off: ${event.message || 'the worker could not be started'}.`);
  });
  worker.postMessage({ base: new URL('../', location.href).href });
}

function end(said: string): void {
  worker?.terminate();
  worker = undefined;
  button.textContent = 'Measure again';
  status.value = said;
}

function hear(finding: Finding): void {
  switch (finding.type) {
    case 'machine':
      found.machine = finding;
      tell();
      break;
    case 'at':
      status.value = `Measuring ${finding.size} × ${finding.size}`;
      progress.value = finding.share;
      break;
    case 'rates':
      found.rates.set(finding.rates.size, finding.rates);
      show();
      tell();
      break;
    case 'done':
      progress.value = 1;
      end('Measured');
      tell();
      break;
    case 'failed':
      end(`The measurement broke off: ${finding.message}.`);
  }
}

/** Says what is known; which of both wins, when all is measured. */
function tell(): void {
  const { machine, rates } = found;
  if (!machine) return;
  const paragraph = (text: string, kind = '') => {
    const element = document.createElement('p');
    element.className = kind;
    element.textContent = text;
    return element;
  };
  const name = machine.gpu ?? '';
  const outcome = worker ? '' : verdict(machine, [...rates.values()]);
  const details = [name, agreement(machine)]
    .filter(Boolean)
    .map((text) => (text.endsWith('.') ? text : `${text}.`))
    .join(' ');
  words.replaceChildren(...(outcome ? [paragraph(outcome, 'outcome')] : []), paragraph(details));
}

/** Draws what is known, and writes it into the table. */
function show(): void {
  for (const size of SIZES) {
    const rates = found.rates.get(size);
    const cells = document.querySelectorAll(`tr[data-size="${size}"] td`);
    for (const [index, kind] of (['cpu', 'gpu', 'chain'] as const).entries())
      cells[index].textContent = shownRate(rates?.[kind]);
  }
  const { layout, data } = figure([...found.rates.values()]);
  plot.show(layout, data);
}

button.addEventListener('click', () => {
  if (worker) {
    end('Stopped');
    tell();
  } else start();
});

plot.contenders = CONTENDERS;
one('.plot').append(plot);
show();
button.disabled = false;
