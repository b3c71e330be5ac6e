/** What can be searched and filtered of one exhibit. */
export interface Findable {
  wing: string;
  /** Names of the reading lists that hold it. */
  lists: string[];
  /** All text to search, see {@link fold}. */
  text: string;
}

/** What the visitor asks for; an empty part asks for nothing. */
export interface Query {
  q: string;
  wing: string;
  list: string;
}

/** Text without case, accents and runs of space, so that "Łojasiewicz" is found by "lojasiewicz". */
export function fold(text: string): string {
  const letters: Record<string, string> = { ł: 'l', ø: 'o', ß: 'ss', æ: 'ae', œ: 'oe', đ: 'd', ı: 'i' };
  const plain = text.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '');
  return plain
    .replace(/[łøßæœđı]/g, (letter) => letters[letter])
    .replace(/\s+/g, ' ')
    .trim();
}

/** Whether each exhibit has every word of the query, hangs in its wing and stands in its list. */
export function matches(exhibits: Findable[], query: Query): boolean[] {
  const words = fold(query.q).split(' ').filter(Boolean);
  return exhibits.map(
    ({ wing, lists, text }) =>
      (!query.wing || wing === query.wing) &&
      (!query.list || lists.includes(query.list)) &&
      words.every((word) => text.includes(word)),
  );
}

/** The query in a page's address. */
export function readQuery(search: string): Query {
  const parameters = new URLSearchParams(search);
  const read = (name: string) => parameters.get(name) ?? '';
  return { q: read('q'), wing: read('wing'), list: read('list') };
}

/** The address' query for what is asked, without what is empty. */
export function writeQuery(query: Query): string {
  const asked = Object.entries(query).filter(([, value]) => value);
  return asked.length > 0 ? `?${new URLSearchParams(asked)}` : '';
}
