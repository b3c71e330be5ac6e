/** Numbers as a reader expects them: the digits that mean something, a real minus sign, powers of ten raised. */

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** Raised digits: `-8` gives `⁻⁸`. */
export function superscript(exponent: number): string {
  const digits = [...Math.abs(exponent).toString()].map((digit) => SUPERSCRIPTS[Number(digit)]).join('');
  return exponent < 0 ? `⁻${digits}` : digits;
}

/** A power of ten: `10⁻⁸`; the first two as they are. */
export function powerOfTen(exponent: number): string {
  if (exponent === 0) return '1';
  if (exponent === 1) return '10';
  return `10${superscript(exponent)}`;
}

function minus(text: string): string {
  return text.replace('-', '−');
}

function trim(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/**
 * A number to `digits` significant digits: `0.0123`, `1.2×10⁻⁹`, `−3`. Whole numbers below a million stay whole, and
 * digits before the point are never rounded away. `pad` keeps trailing zeros, for numbers that change in place.
 */
export function formatNumber(value: number, digits = 3, pad = false): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return minus(String(value));
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  const power = Number(exponent);
  if (power < -3 || power >= 6) {
    const shown = pad ? mantissa : trim(mantissa);
    return shown === '1' ? powerOfTen(power) : `${minus(shown)}×${powerOfTen(power)}`;
  }
  const decimals = Math.max(0, digits - 1 - power);
  const text = value.toFixed(decimals);
  return minus(pad ? text : trim(text));
}

/** An axis label with its unit: `time (s)`. */
export function withUnit(label: string, unit?: string): string {
  return unit ? (label ? `${label} (${unit})` : unit) : label;
}
