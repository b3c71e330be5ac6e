import { Html, unescapeText } from './html.ts';
import { math } from './math.ts';

/** The essay as the page shows it: formulas as MathML, its headings below the page's own. */
export function essay(markup: string): Html {
  const formula = /<span class="math math-(inline|display)">([\s\S]*?)<\/span>/g;
  const shown = markup.replace(formula, (_, mode, tex) => math(unescapeText(tex), mode === 'display'));
  return new Html(lowerHeadings(shown));
}

/** Moves all headings down so that the highest is an `h2`. */
function lowerHeadings(markup: string): string {
  const levels = [...markup.matchAll(/<h([1-6])\b/g)].map((match) => Number(match[1]));
  const shift = levels.length > 0 ? 2 - Math.min(...levels) : 0;
  if (shift <= 0) return markup;
  return markup.replace(
    /(<\/?h)([1-6])\b/g,
    (_, tag, level) => `${tag}${Math.min(6, Number(level) + shift)}`,
  );
}
