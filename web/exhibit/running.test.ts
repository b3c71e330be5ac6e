// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from 'vitest';
import type { FrameReport, Report } from '../runtime/messages';
import { Running } from './running';

const { player } = vi.hoisted(() => ({
  player: { hear: (_: Report) => {}, order: () => 1, ask: vi.fn(), sight() {}, close() {} },
}));
vi.mock('../runtime/player', () => ({
  Player: class {
    order = player.order;
    ask = player.ask;
    sight = player.sight;
    close = player.close;
    constructor(_: unknown, hear: (report: Report) => void) {
      player.hear = hear;
    }
  },
}));

const frame = (serial: number): FrameReport => ({
  ...{
    type: 'frame',
    serial,
    step: 3,
    length: 9,
    done: false,
    reached: 3,
    playing: true,
    arrived: true,
    pace: 1,
  },
  ...{ layout: '[]', claim: '{}', data: new Float64Array(), hash: 'h', by: 'CPU' },
});

let seen: string[] = [];
const spectator = {
  draw: ({ serial }: FrameReport) => seen.push(`frame ${serial}`),
  underway() {},
  refused: () => seen.push('refused'),
  crashed: () => seen.push('crashed'),
};

const refresh = () => new Promise((resolve) => requestAnimationFrame(resolve));

beforeEach(() => {
  seen = [];
  player.ask.mockClear();
});

test('a frame that came before a refusal does not cover it', async () => {
  new Running(spectator).start({ base: '', wing: '', slug: '' }, []);
  player.hear(frame(1));
  player.hear({ type: 'fault', serial: 2, fault: { message: 'no' } });
  await refresh();
  await refresh();
  expect(seen).toEqual(['frame 1', 'refused']);
  // The worker waits to be asked for the next.
  expect(player.ask).toHaveBeenCalledTimes(1);
  player.hear(frame(3));
  await refresh();
  await refresh();
  expect(seen).toEqual(['frame 1', 'refused', 'frame 3']);
});
