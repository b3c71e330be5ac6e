import { expect, test } from 'vitest';
import { formatNumber, powerOfTen, withUnit } from './format';

test('a number keeps the digits that mean something', () => {
  expect(formatNumber(0)).toBe('0');
  expect(formatNumber(-0)).toBe('0');
  expect(formatNumber(Math.PI)).toBe('3.14');
  expect(formatNumber(-0.5)).toBe('−0.5');
  expect(formatNumber(0.5, 3, true)).toBe('0.500');
  expect(formatNumber(0.00099996)).toBe('0.001');
  expect(formatNumber(1234.56)).toBe('1235');
  expect(formatNumber(4096)).toBe('4096');
  expect(formatNumber(999_999)).toBe('999999');
});

test('very small and very large numbers are powers of ten', () => {
  expect(formatNumber(1.2e-9)).toBe('1.2×10⁻⁹');
  expect(formatNumber(-4.567e12)).toBe('−4.57×10¹²');
  expect(formatNumber(1e-7)).toBe('10⁻⁷');
  expect(formatNumber(9.999e-5)).toBe('10⁻⁴');
  expect(formatNumber(1.5e6)).toBe('1.5×10⁶');
  expect(formatNumber(5e-324)).toBe('4.94×10⁻³²⁴');
});

test('what is no number says so', () => {
  expect(formatNumber(Number.NaN)).toBe('NaN');
  expect(formatNumber(Number.NEGATIVE_INFINITY)).toBe('−∞');
});

test('every formatted number reads back to three digits', () => {
  const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  for (let i = 0; i < 400; i++) {
    const value = Math.sin(i + 1) * 10 ** ((i % 60) - 30);
    const plain = formatNumber(value)
      .replaceAll('−', '-')
      .replace(/(?:×|^(-?))10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/, (_, sign, power: string) => {
        const exponent = [...power].map((c) => (c === '⁻' ? '-' : digits.indexOf(c))).join('');
        return `${sign === undefined ? '' : `${sign}1`}e${exponent}`;
      });
    expect(Math.abs(Number(plain) / value - 1)).toBeLessThanOrEqual(0.005);
  }
});

test('powers and units', () => {
  expect(powerOfTen(0)).toBe('1');
  expect(powerOfTen(-12)).toBe('10⁻¹²');
  expect(withUnit('time', 's')).toBe('time (s)');
  expect(withUnit('time')).toBe('time');
});
