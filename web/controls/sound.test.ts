import { afterEach, expect, it, vi } from 'vitest';
import { averaged, readSound } from './sound';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A browser whose decoder hears these channels, or nothing it knows. */
function hears(channels: number[][] | undefined) {
  class Context {
    async decodeAudioData() {
      if (!channels) throw new Error('unknown');
      const [length, numberOfChannels] = [channels[0].length, channels.length];
      return { length, numberOfChannels, getChannelData: (at: number) => Float32Array.from(channels[at]) };
    }
  }
  vi.stubGlobal('OfflineAudioContext', Context);
}

const file = new File(['RIFF'], 'a.wav');

it('averages channels over stretches, and repeats samples where there are too few', () => {
  expect(averaged([[1, 3, 5, 7]], 2)).toEqual([2, 6]);
  expect(
    averaged(
      [
        [1, 3],
        [3, 5],
      ],
      2,
    ),
  ).toEqual([2, 4]);
  expect(averaged([[1, 2]], 4)).toEqual([1, 1, 2, 2]);
});

it('makes the loudest stretch reach the edge of the range', async () => {
  hears([[0, 0.25, -0.5, 0]]);
  expect(await readSound(file, 4, [0, 10])).toEqual({ values: [5, 7.5, 0, 5] });
});

it('leaves silence in the middle', async () => {
  hears([[0, 0]]);
  expect(await readSound(file, 2, [-1, 1])).toEqual({ values: [0, 0] });
});

it('says what is wrong with a file that holds no sound', async () => {
  hears(undefined);
  expect(await readSound(file, 4, [-1, 1])).toHaveProperty('complaint');
  hears([[]]);
  expect(await readSound(file, 4, [-1, 1])).toEqual({ complaint: 'This sound is empty.' });
});
