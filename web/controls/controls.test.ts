// @vitest-environment happy-dom
import { render } from 'lit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Fault, Point, PointsSpec, Settings, Spec, Value } from '../runtime/specs';
import { same } from '../runtime/specs';
import type { Control, SettingDetail } from './control';
import { resampled } from './curve';
import { fitted } from './image';
import { place } from './points';
import { control } from './render';

const common = { help: 'What it does.', live: false };
const options: [string, string][] = [
  ['a', 'Alpha'],
  ['b', 'Beta'],
];
const image = { width: 2, height: 1, pixels: [0, 1] };
const specs: Spec[] = [
  {
    ...common,
    name: 'n',
    label: 'number',
    unit: 's',
    kind: 'number',
    min: 0.1,
    max: 10,
    log: true,
    default: 1,
  },
  { ...common, name: 'i', label: 'integer', kind: 'integer', min: 2, max: 10, log: false, default: 4 },
  { ...common, name: 't', label: 'toggle', kind: 'toggle', default: false },
  { ...common, name: 'c', label: 'choice', kind: 'choice', options, default: 'a' },
  { ...common, name: 's', label: 'set', kind: 'set', options, default: ['a'] },
  {
    ...common,
    name: 'p',
    label: 'points',
    kind: 'points',
    min: 1,
    max: 3,
    domain: [
      [0, 1],
      [0, 2],
    ],
    default: [[0.5, 1]],
  },
  {
    ...common,
    name: 'f',
    label: 'formula',
    kind: 'formula',
    variables: ['x'],
    examples: [['square', 'x^2']],
    default: 'x',
  },
  {
    ...common,
    name: 'u',
    label: 'curve',
    kind: 'curve',
    samples: 5,
    domain: [0, 1],
    range: [-1, 1],
    default: [0, 0, 0, 0, 0],
  },
  { ...common, name: 'm', label: 'image', kind: 'image', max_width: 4, max_height: 4, default: image },
  { ...common, name: 'x', label: 'text', kind: 'text', max: 5, default: 'hi' },
  {
    ...common,
    name: 'd',
    label: 'table',
    kind: 'table',
    min_columns: 0,
    max_columns: 2,
    max_rows: 9,
    default: { columns: [], rows: [] },
  },
];
const named = (name: string) => specs.find((spec) => spec.name === name) as Spec;

async function shownControl(name: string, settings: Settings = {}, fault?: Fault) {
  const place = document.createElement('div');
  document.body.append(place);
  render(control(named(name), settings, fault), place);
  const element = place.firstElementChild as Control<Spec>;
  await element.updateComplete;
  const set: SettingDetail[] = [];
  element.addEventListener('setting', (event) => set.push((event as CustomEvent<SettingDetail>).detail));
  const find = <E extends Element>(selector: string) => element.shadowRoot?.querySelector(selector) as E;
  const fire = async (target: Element, type: string) => {
    target.dispatchEvent(new Event(type, { bubbles: true, composed: true }));
    await element.updateComplete;
  };
  return { element, set, find, fire };
}

beforeEach(() => {
  document.body.replaceChildren();
});

describe('every control', () => {
  it.each(specs.map((spec) => [spec.kind, spec] as const))(
    '%s has its label, its help, and its error beside it',
    async (_, spec) => {
      const { find } = await shownControl(spec.name, {}, { control: spec.name, message: 'Too much.' });
      const label = find('label[for=input], #label');
      expect(label.textContent).toBe(spec.label);
      const input = label.id ? find('[role=group]') : find('#input');
      const described = (input.getAttribute('aria-describedby') ?? '')
        .split(' ')
        .map((id) => find(`#${id}`).textContent);
      expect(described).toEqual([spec.help, 'Too much.']);
      expect(find<HTMLElement>('#error').hidden).toBe(false);
    },
  );

  const others: Record<string, Value> = {
    n: 2,
    i: 5,
    t: true,
    c: 'b',
    s: [],
    p: [[0, 0]],
    f: 'x+1',
    u: [1, 0, 0, 0, 0],
    x: 'yo',
  };
  it.each(Object.entries(others))('%s goes back to its default', async (name, value) => {
    const { set, find } = await shownControl(name, { [name]: value });
    find<HTMLButtonElement>('.head button[title="Back to the default"]').click();
    expect(set).toHaveLength(1);
    expect(same(set[0].value, named(name).default)).toBe(true);
    expect((await shownControl(name)).find('.head button[title="Back to the default"]')).toBeNull();
  });
});

describe('a number', () => {
  it('is slid, with an event at every move', async () => {
    const { set, find, fire } = await shownControl('n');
    const slider = find<HTMLInputElement>('input[type=range]');
    for (const position of ['220', '240']) {
      slider.value = position;
      await fire(slider, 'input');
    }
    await fire(slider, 'change');
    expect(set.map(({ done }) => done)).toEqual([false, false, true]);
    expect(set[1].value).toBe(set[2].value);
    expect(set[1].value).toBeGreaterThan(set[0].value as number);
  });

  it('is typed, and keeps every digit', async () => {
    const { set, find, fire } = await shownControl('n');
    const field = find<HTMLInputElement>('input[type=text]');
    field.value = '0.1234567890123';
    await fire(field, 'change');
    expect(set).toEqual([{ name: 'n', value: 0.1234567890123, done: true }]);
  });

  it.each(['', 'x', '11', '-1'])('refuses %j and says what it takes', async (text) => {
    const { set, find, fire } = await shownControl('n');
    const field = find<HTMLInputElement>('input[type=text]');
    field.value = text;
    await fire(field, 'change');
    expect(set).toEqual([]);
    expect(find('#error').textContent).toContain('from 0.1 to 10');
  });

  it('whole stays whole', async () => {
    const { set, find, fire } = await shownControl('i');
    const field = find<HTMLInputElement>('input[type=text]');
    field.value = '2.5';
    await fire(field, 'change');
    expect(set).toEqual([]);
    const slider = find<HTMLInputElement>('input[type=range]');
    expect([slider.min, slider.max]).toEqual(['0', '8']);
    slider.value = '5';
    await fire(slider, 'input');
    expect(set[0].value).toBe(7);
  });
});

describe('a formula', () => {
  it('marks where it goes wrong', async () => {
    const { find } = await shownControl(
      'f',
      { f: 'x+*2' },
      { control: 'f', message: 'A number is missing.', at: 2 },
    );
    expect(find('.where mark').textContent).toBe('*');
    expect(find('.where').textContent).toBe('x+*2');
  });

  it('is picked from the examples', async () => {
    const { set, find, fire } = await shownControl('f');
    const menu = find<HTMLSelectElement>('select');
    menu.value = '0';
    await fire(menu, 'change');
    expect(set[0].value).toBe('x^2');
  });
});

describe('points', () => {
  it('are added inside their rectangle, and removed down to the least', async () => {
    const { set, find, element } = await shownControl('p');
    const [add, remove] = ['Add', 'Remove'].map((word) =>
      find<HTMLButtonElement>(`button[aria-label^=${word}]`),
    );
    expect(remove.disabled).toBe(true);
    add.click();
    await element.updateComplete;
    expect(set[0].value).toHaveLength(2);
    const spec = named('p') as PointsSpec;
    for (let index = 0; index < 100; index++) {
      const [x, y]: Point = place(index, spec.domain);
      expect(x > 0 && x < 1 && y > 0 && y < 2).toBe(true);
    }
    expect(remove.disabled).toBe(false);
  });
});

describe('data', () => {
  it('uploaded for a curve is resampled along straight lines', () => {
    expect(resampled([0, 2, 4], 5)).toEqual([0, 1, 2, 3, 4]);
    expect(resampled([7], 3)).toEqual([7, 7, 7]);
    expect(resampled([1, 5], 1)).toEqual([1]);
  });

  it('uploaded for an image keeps its shape', () => {
    const spec = { ...(named('m') as Extract<Spec, { kind: 'image' }>), max_width: 64, max_height: 32 };
    expect(fitted(1000, 100, spec)).toEqual([64, 6]);
    expect(fitted(100, 1000, spec)).toEqual([3, 32]);
    expect(fitted(10, 10, spec)).toEqual([10, 10]);
    expect(fitted(10000, 1, spec)).toEqual([64, 1]);
  });

  it('pasted as a table is explained where it is ragged', async () => {
    const { set, find, fire, element } = await shownControl('d');
    find<HTMLButtonElement>('.row button[aria-expanded]').click();
    await element.updateComplete;
    const field = find<HTMLTextAreaElement>('textarea');
    field.value = 'a,b\n1,2\n3';
    await fire(field, 'change');
    expect(set).toEqual([]);
    expect(find('#error').textContent).toContain('Line 3');
    field.value = 'a,b\n1,2';
    await fire(field, 'change');
    expect(set[0].value).toEqual({ columns: ['a', 'b'], rows: [[1, 2]] });
  });
});
