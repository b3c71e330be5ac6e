import { legendKey } from './legend';
import { kindOf } from './marks';
import type { Contender, Layout } from './types';

function field(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * A figure's numbers in long form and in full: a row for each spot of each mark, a column for each channel that any mark
 * has. What a mark lacks stays empty.
 */
export function csvOf(layout: Layout, data: ArrayLike<number>, contenders: readonly Contender[]): string {
  const declared = { x: layout.x?.scale ?? 'linear', y: layout.y?.scale ?? 'linear' };
  const blocks = layout.marks.flatMap((mark, i) => {
    const rows = kindOf(mark)?.rows(mark, data, declared);
    return rows ? [{ lead: [i, mark.mark, legendKey(mark, contenders) ?? ''], rows }] : [];
  });
  const names = [...new Set(blocks.flatMap(({ rows }) => Object.keys(rows)))];
  const lines = [['number', 'mark', 'name', ...names].map(field).join(',')];
  for (const { lead, rows } of blocks) {
    const length = Math.max(0, ...Object.values(rows).map((column) => column.length));
    const start = lead.map(field).join(',');
    for (let i = 0; i < length; i++) {
      const cells = names.map((name) => {
        const column = rows[name];
        return column && i < column.length ? field(column[i]) : '';
      });
      lines.push(`${start},${cells.join(',')}`);
    }
  }
  return `${lines.join('\r\n')}\r\n`;
}
