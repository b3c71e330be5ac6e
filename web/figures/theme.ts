import type { Contender, Ink } from './types';

/** The colours of one theme; the same values as the custom properties in `web/app/theme.css`. */
export interface Theme {
  dark: boolean;
  paper: string;
  ink: string;
  muted: string;
  rule: string;
  accent: string;
  /** The paper's contenders, in order. */
  strong: readonly string[];
  /** The baselines, in order. */
  baselines: readonly string[];
}

export const light: Theme = {
  dark: false,
  paper: '#fcfbf8',
  ink: '#1b1d1f',
  muted: '#5f6368',
  rule: '#dedad2',
  accent: '#8a5600',
  strong: ['#0b62c4', '#c8451b', '#0a7f5c', '#8a3fa0'],
  baselines: ['#8f7248', '#6d8a7d', '#85789a', '#7b7f84', '#a06a6a'],
};

export const dark: Theme = {
  dark: true,
  paper: '#14161a',
  ink: '#e8e6e1',
  muted: '#a3a7ab',
  rule: '#2e3238',
  accent: '#e3ad52',
  strong: ['#6aaefc', '#ff8a62', '#4cc9a0', '#cf8fe6'],
  baselines: ['#c2a273', '#94b5a6', '#b0a3c8', '#a0a4a9', '#cc9b9b'],
};

/** The typeface of everything written on a figure. */
export const FONT =
  '"Inter Variable", Inter, system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif';

/** A canvas font of this size in CSS pixels. */
export function font(size: number, weight = 400): string {
  return `${weight} ${size}px ${FONT}`;
}

const DARK_QUERY = '(prefers-color-scheme: dark)';

/** The theme that holds now: `data-theme` on the root element, or else what the system prefers. */
export function currentTheme(): Theme {
  const told = document.documentElement.dataset.theme;
  const isDark = told === 'dark' || (told !== 'light' && matchMedia(DARK_QUERY).matches);
  return isDark ? dark : light;
}

/** Calls `changed` whenever the theme may have changed; returns how to stop. */
export function watchTheme(changed: () => void): () => void {
  const query = matchMedia(DARK_QUERY);
  query.addEventListener('change', changed);
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  return () => {
    query.removeEventListener('change', changed);
    observer.disconnect();
  };
}

/**
 * Each contender's colour: the paper's take the strong ones in order, the baselines the muted ones; who has run out takes
 * the others' last.
 */
export function contenderColors(contenders: readonly Contender[], theme: Theme): Map<string, string> {
  const colors = new Map<string, string>();
  let papers = 0;
  let baselines = 0;
  for (const { id, baseline } of contenders) {
    const [palette, place] = baseline
      ? [[...theme.baselines, ...theme.strong.toReversed()], baselines++]
      : [[...theme.strong, ...theme.baselines.toReversed()], papers++];
    colors.set(id, palette[place % palette.length] as string);
  }
  return colors;
}

/** The colour of an ink; `tone` is the theme's family of line colours. */
export function inkColor(ink: Ink, theme: Theme, tone: (t: number) => string): string {
  if (typeof ink === 'object') return tone(ink.tone);
  return ink === 'strong' ? theme.ink : ink === 'muted' ? theme.muted : theme.accent;
}
