import { describe, expect, it } from 'vitest';
import { readTable } from './csv';

const table = (columns: string[], ...rows: number[][]) => ({ table: { columns, rows }, unread: 0 });

describe('a file of numbers', () => {
  it.each([
    ['x,y\n1,2\n3,4.5', ['x', 'y']],
    ['\uFEFFx;y\r\n1;2\r\n3;4,5\r\n', ['x', 'y']],
    ['x\ty\n1\t2\n3\t4,5', ['x', 'y']],
    ['# made by hand\nx y\n1  2\n\n3 4.5', ['x', 'y']],
    ['"x","y"\n"1","2"\n3,4.5', ['x', 'y']],
    ['1,2\n3,4.5', ['column 1', 'column 2']],
  ])('is read: %j', (text, columns) => {
    expect(readTable(text)).toEqual(table(columns, [1, 2], [3, 4.5]));
  });

  it.each(['x,y\n', ''])('is read as far as it is wanted, after %j', (names) => {
    const text = `${names}${'1,2\r\n'.repeat(3)}# a remark\n 3,4\n\n${'5,6\n'.repeat(1000)}no,number`;
    const read = readTable(text, 4);
    expect('table' in read && [read.table.rows, read.unread]).toEqual([
      [
        [1, 2],
        [1, 2],
        [1, 2],
        [3, 4],
      ],
      1001,
    ]);
  });

  it('may have a separator or a quote in a name', () => {
    expect(readTable('"a, b","say ""c"""\n1,2')).toEqual(table(['a, b', 'say "c"'], [1, 2]));
  });

  it.each([
    ['', 'nothing'],
    ['x,y', 'no numbers'],
    ['x,y\n1,2\n3', 'Line 3 has 1 cells where the first has 2'],
    ['x,y\n1,NaN', 'Line 2, y: the cell is “NaN”'],
    ['x,y\n1,', 'Line 2, y: the cell is empty'],
    ['x,y\n1,2\n\n3,Infinity', 'Line 4, y'],
  ])('is refused with the place of its fault: %j', (text, words) => {
    const read = readTable(text);
    expect('complaint' in read && read.complaint).toContain(words);
  });
});
