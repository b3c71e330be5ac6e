/** Reads a sound that people have, in any format the browser plays. */

/** A larger file would fill the memory once it is decoded. */
const LARGEST_BYTES = 50e6;

/** The samples of a sound, or why there are none. */
export type Sound = { values: number[] } | { complaint: string };

/** The mean of all channels over each of `samples` equal stretches. */
export function averaged(channels: readonly ArrayLike<number>[], samples: number): number[] {
  const length = channels[0].length;
  return Array.from({ length: samples }, (_, index) => {
    const from = Math.floor((index * length) / samples);
    const to = Math.max(from + 1, Math.floor(((index + 1) * length) / samples));
    let sum = 0;
    for (const channel of channels) for (let at = from; at < to; at++) sum += channel[at];
    return sum / ((to - from) * channels.length);
  });
}

/** The whole of a sound as `samples` values, the loudest of them as far out as `[low, high]` allows. */
export async function readSound(file: File, samples: number, [low, high]: [number, number]): Promise<Sound> {
  if (file.size > LARGEST_BYTES) return { complaint: 'This sound is too long: it has more than 50 MB.' };
  try {
    // Only its decoder is used: nothing is played, and no permission is needed.
    const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(await file.arrayBuffer());
    if (sound.length === 0) return { complaint: 'This sound is empty.' };
    const channels = Array.from({ length: sound.numberOfChannels }, (_, at) => sound.getChannelData(at));
    const values = averaged(channels, samples);
    const loudest = Math.max(...values.map(Math.abs)) || 1;
    return { values: values.map((value) => (low + high) / 2 + (value / loudest) * ((high - low) / 2)) };
  } catch {
    return { complaint: 'This file is no sound that the browser can read.' };
  }
}
