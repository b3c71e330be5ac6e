import katex from 'katex';

/** `tex` as a MathML element. */
export function math(tex: string, display: boolean): string {
  const markup = katex.renderToString(tex, {
    output: 'mathml',
    displayMode: display,
    throwOnError: true,
    strict: false,
  });
  // Only the <math> element is kept: the wrapper, and the source beside the formula, would be weight without use.
  const element = /<math[\s\S]*<\/math>/.exec(markup)?.[0] ?? '';
  return (
    element
      .replace(/<annotation[\s\S]*?<\/annotation>/g, '')
      .replace(/<\/?semantics>/g, '')
      // A wide formula scrolls, and so the keyboard must reach it.
      .replace('display="block"', 'display="block" tabindex="0"')
      .replace(/ style="[^"]*"/g, '')
      .replace(/<(m[ion]) mathvariant="([a-z-]+)">([^<]*)</g, (whole, tag, variant, text) =>
        variant in ALPHABETS ? `<${tag}${plain(text)}>${inAlphabet(text, variant)}<` : whole,
      )
  );
}

/** A single letter leans unless told not to, and an alphabet's own letters must not. */
const plain = (text: string) => ([...text].length === 1 ? ' mathvariant="normal"' : '');

/**
 * Where Unicode keeps a mathematical alphabet: its A, its a, its 0, and the letters that lie elsewhere. Browsers draw
 * an alphabet by these letters; of the attribute they know `normal` alone.
 */
interface Alphabet {
  upper?: number;
  lower?: number;
  digit?: number;
  elsewhere?: Record<string, string>;
}

const ALPHABETS: Record<string, Alphabet> = {
  bold: { upper: 0x1d400, lower: 0x1d41a, digit: 0x1d7ce },
  'bold-italic': { upper: 0x1d468, lower: 0x1d482 },
  script: {
    upper: 0x1d49c,
    lower: 0x1d4b6,
    elsewhere: { B: 'ℬ', E: 'ℰ', F: 'ℱ', H: 'ℋ', I: 'ℐ', L: 'ℒ', M: 'ℳ', R: 'ℛ', e: 'ℯ', g: 'ℊ', o: 'ℴ' },
  },
  fraktur: { upper: 0x1d504, lower: 0x1d51e, elsewhere: { C: 'ℭ', H: 'ℌ', I: 'ℑ', R: 'ℜ', Z: 'ℨ' } },
  'double-struck': {
    upper: 0x1d538,
    lower: 0x1d552,
    digit: 0x1d7d8,
    elsewhere: { C: 'ℂ', H: 'ℍ', N: 'ℕ', P: 'ℙ', Q: 'ℚ', R: 'ℝ', Z: 'ℤ' },
  },
  'sans-serif': { upper: 0x1d5a0, lower: 0x1d5ba, digit: 0x1d7e2 },
  monospace: { upper: 0x1d670, lower: 0x1d68a, digit: 0x1d7f6 },
};

function inAlphabet(text: string, variant: string): string {
  const { upper, lower, digit, elsewhere } = ALPHABETS[variant];
  const letter = (character: string) => {
    if (elsewhere?.[character]) return elsewhere[character];
    const from = (start: number | undefined, zero: string) =>
      start === undefined
        ? character
        : String.fromCodePoint(start + character.charCodeAt(0) - zero.charCodeAt(0));
    if (/[A-Z]/.test(character)) return from(upper, 'A');
    if (/[a-z]/.test(character)) return from(lower, 'a');
    if (/[0-9]/.test(character)) return from(digit, '0');
    return character;
  };
  return text.replace(/[A-Za-z0-9]/g, letter);
}
