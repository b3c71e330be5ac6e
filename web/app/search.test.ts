import { describe, expect, it } from 'vitest';
import { type Findable, fold, matches, readQuery, writeQuery } from './search.ts';

const exhibits: Findable[] = [
  {
    wing: 'optimizers',
    lists: ['1', '3'],
    text: fold('Lion Secretly Solves Constrained Optimization, sign momentum'),
  },
  {
    wing: 'transport',
    lists: ['3'],
    text: fold('Sinkhorn–Newton Sparse, Kurdyka-Łojasiewicz, entropic transport'),
  },
  { wing: 'optimizers', lists: ['2'], text: fold('Poincaré sections of momentum') },
];
const asked = (q: string, wing = '', list = '') => matches(exhibits, { q, wing, list });

describe('search', () => {
  it('finds all exhibits for an empty query', () => {
    expect(asked('  ')).toEqual([true, true, true]);
  });

  it('wants every word, anywhere and in any order', () => {
    expect(asked('momentum lion')).toEqual([true, false, false]);
    expect(asked('momentum sinkhorn')).toEqual([false, false, false]);
    expect(asked('moment')).toEqual([true, false, true]);
  });

  it('reads past case and accents, on both sides', () => {
    expect(asked('LOJASIEWICZ')).toEqual([false, true, false]);
    expect(asked('poincare')).toEqual([false, false, true]);
    expect(asked('Pöincaré')).toEqual([false, false, true]);
  });

  it('filters by wing and by reading list, together with words', () => {
    expect(asked('', 'optimizers')).toEqual([true, false, true]);
    expect(asked('', '', '3')).toEqual([true, true, false]);
    expect(asked('momentum', 'optimizers', '2')).toEqual([false, false, true]);
  });

  it('keeps what is asked in the address, and only that', () => {
    const query = { q: 'sign & value', wing: '', list: '3' };
    expect(writeQuery(query)).toBe('?q=sign+%26+value&list=3');
    expect(readQuery(writeQuery(query))).toEqual(query);
    expect(writeQuery(readQuery('?other=1'))).toBe('');
  });
});
