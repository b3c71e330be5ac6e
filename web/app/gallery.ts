import { Wall } from './posters.ts';
import { type Findable, fold, matches, type Query, readQuery, writeQuery } from './search.ts';
import { Settling } from './settle.ts';

const form = document.querySelector('form') as HTMLFormElement;
const words = form.elements.namedItem('q') as HTMLInputElement;
const count = form.querySelector('output') as HTMLOutputElement;
const nothing = document.querySelector('.nothing') as HTMLElement;
const wings = [...document.querySelectorAll<HTMLElement>('section.wing')];
const cards = wings.flatMap((wing) => [...wing.querySelectorAll<HTMLElement>('li')]);

const settling = new Settling(cards);

const findable: Findable[] = cards.map((card) => {
  const wing = card.closest('section') as HTMLElement;
  const { lists, words } = card.dataset;
  const text = [card.textContent, words, wing.querySelector('h2')?.textContent].join(' ');
  return { wing: wing.dataset.wing ?? '', lists: lists?.split(' ') ?? [], text: fold(text) };
});

/** Shows the exhibits that the form asks for. */
function show(query: Query): void {
  const found = matches(findable, query);
  const total = found.filter(Boolean).length;
  cards.forEach((card, index) => {
    card.hidden = !found[index];
  });
  for (const wing of wings) {
    const size = wing.querySelectorAll('li:not([hidden])').length;
    wing.hidden = size === 0;
    wing.dataset.size = String(size);
  }
  nothing.hidden = total > 0;
  count.value = total === cards.length ? `${total} exhibits` : `${total} of ${cards.length}`;
  settling.settle();
}

function asked(): Query {
  const chosen = (name: string) => (form.elements.namedItem(name) as RadioNodeList).value;
  return { q: words.value, wing: chosen('wing'), list: chosen('list') };
}

/** Puts a query into the form; a wing or list that is not there stays unchosen. */
function choose(query: Query): void {
  words.value = query.q;
  for (const name of ['wing', 'list'] as const) {
    const group = form.elements.namedItem(name) as RadioNodeList;
    group.value = '';
    group.value = query[name];
    if (!group.value) (group[0] as HTMLInputElement).checked = true;
  }
}

function ask(): void {
  const query = asked();
  show(query);
  history.replaceState(history.state, '', writeQuery(query) || location.pathname);
}

form.addEventListener('input', ask);
form.addEventListener('submit', (event) => event.preventDefault());
nothing.querySelector('button')?.addEventListener('click', () => {
  choose({ q: '', wing: '', list: '' });
  ask();
  words.focus();
});
addEventListener('pageshow', () => {
  choose(readQuery(location.search));
  show(asked());
});
addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== words) {
    event.preventDefault();
    words.focus();
  }
});

choose(readQuery(location.search));
show(asked());
new Wall(cards);
