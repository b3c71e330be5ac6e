import { expect, it } from 'vitest';
import { math } from './math.ts';

it('a formula is one MathML element without styles', () => {
  const markup = math('\\tilde m = \\bigl( \\color{red} x \\bigr)', true);
  expect(markup).toMatch(/^<math [^>]*display="block"[^>]*>.*<\/math>$/);
  expect(markup).not.toContain('style=');
  expect(markup).not.toContain('annotation');
});

it('letters of an alphabet are that alphabet in Unicode', () => {
  expect(math('\\mathcal K', false)).toContain('>𝒦<');
  expect(math('\\mathcal L', false)).toContain('>ℒ<');
  expect(math('\\mathbb R', false)).toContain('>ℝ<');
  expect(math('\\mathbf{W}', false)).toContain('>𝐖<');
  expect(math('\\mathbf{W}', false)).not.toContain('mathvariant="bold"');
});

it('a formula that does not parse is an error', () => {
  expect(() => math('\\frac{1}', false)).toThrow();
});
