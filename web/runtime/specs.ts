/**
 * A control as the Rust side describes it (`Spec` in `crate/core/src/control.rs`), and the values it takes.
 */

/** A grey picture: brightness from 0 to 1, by rows from the top. */
export interface Image {
  width: number;
  height: number;
  pixels: number[];
}

/** Numbers by rows, with a name for each column. */
export interface Table {
  columns: string[];
  rows: number[][];
}

/** A point of the plane. */
export type Point = [number, number];

/** What a control can be set to. */
export type Value = number | boolean | string | string[] | number[] | Point[] | Image | Table;

/** Values by the controls' outside names; what is absent is at its default. */
export type Settings = Record<string, Value>;

interface Common<V extends Value> {
  name: string;
  label: string;
  help: string;
  unit?: string;
  /** Changes how the run is shown or judged, never the run. */
  live: boolean;
  /** Shown only while another control has this value. */
  when?: [control: string, values: string[]];
  default: V;
}

export interface NumberSpec extends Common<number> {
  kind: 'number';
  min: number;
  max: number;
  log: boolean;
  step?: number;
}

export interface IntegerSpec extends Common<number> {
  kind: 'integer';
  min: number;
  max: number;
  log: boolean;
}

export interface ToggleSpec extends Common<boolean> {
  kind: 'toggle';
}

export interface ChoiceSpec extends Common<string> {
  kind: 'choice';
  options: [name: string, label: string][];
}

export interface SetSpec extends Common<string[]> {
  kind: 'set';
  options: [name: string, label: string][];
}

export interface PointsSpec extends Common<Point[]> {
  kind: 'points';
  min: number;
  max: number;
  domain: [x: [number, number], y: [number, number]];
}

export interface CurveSpec extends Common<number[]> {
  kind: 'curve';
  samples: number;
  domain: [number, number];
  range: [number, number];
}

export interface FormulaSpec extends Common<string> {
  kind: 'formula';
  variables: string[];
  examples: [name: string, formula: string][];
}

export interface ImageSpec extends Common<Image> {
  kind: 'image';
  max_width: number;
  max_height: number;
  /** Whether a pixel is red, green and blue rather than a brightness. */
  color?: boolean;
}

export interface TextSpec extends Common<string> {
  kind: 'text';
  max: number;
}

export interface TableSpec extends Common<Table> {
  kind: 'table';
  min_columns: number;
  max_columns: number;
  max_rows: number;
}

export type Spec =
  | NumberSpec
  | IntegerSpec
  | ToggleSpec
  | ChoiceSpec
  | SetSpec
  | PointsSpec
  | CurveSpec
  | FormulaSpec
  | ImageSpec
  | TextSpec
  | TableSpec;

/** Why settings cannot be run, as the Rust side says it (`crate/core/src/error.rs`). */
export interface Fault {
  control?: string;
  message: string;
  /** Where in a formula or text, in characters from its start. */
  at?: number;
}

/** The value a control has under `settings`. */
export function settingOf(spec: Spec, settings: Settings): Value {
  return settings[spec.name] ?? spec.default;
}

/** Whether two values are the same to the bit. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) => key in b && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  );
}

/** What `settings` change of the defaults, in the order of the specs. */
export function changed(specs: readonly Spec[], settings: Settings): Settings {
  const differing = specs.filter((spec) => !same(settingOf(spec, settings), spec.default));
  return Object.fromEntries(differing.map((spec) => [spec.name, settingOf(spec, settings)]));
}

/** Whether a control is to be seen: its `when` names a control that has one of the values wanted. */
export function shown(spec: Spec, specs: readonly Spec[], settings: Settings): boolean {
  if (!spec.when) return true;
  const [name, wanted] = spec.when;
  const other = specs.find((candidate) => candidate.name === name);
  if (!other) return true;
  const value = settingOf(other, settings);
  return (
    shown(other, specs, settings) &&
    (Array.isArray(value)
      ? value.some((one) => wanted.includes(String(one)))
      : wanted.includes(String(value)))
  );
}

/**
 * JSON that keeps every finite number to the bit: `JSON.stringify` writes −0 as 0.
 */
export function exactJson(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(exactJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, member]) => `${JSON.stringify(key)}:${exactJson(member)}`,
    );
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
