import type { Card, Catalogue, Room } from './catalogue.ts';
import { type Html, html } from './html.ts';
import { listName, masthead, sentence, verdictWords } from './parts.ts';
import type { Page } from './shell.ts';

const INTRODUCTION = `Every picture is a paper that runs. Open one: its algorithm computes in your browser beside the
baseline it is meant to beat, and its claim is measured while you move the controls.`;

/** The gallery: every exhibit by wing, all text in place; the script adds pictures, search and filters. */
export function galleryPage(catalogue: Catalogue, head: Html): Page {
  const rooms = catalogue.rooms;
  const total = rooms.reduce((sum, room) => sum + room.cards.length, 0);
  const papers = rooms.flatMap((room) => room.cards).filter((card) => card.year !== undefined).length;
  const body = html`${masthead('./')}
<main id="main">
<div class="opening"><h1>Papers you can turn by hand</h1><p>${INTRODUCTION}</p></div>
${finder(rooms, total)}
<div class="wings">${rooms.map(wing)}</div>
<div class="nothing" hidden><p>No exhibit has all of that.</p><button type="button">Show all ${total}</button></div>
</main>
${footer()}`;
  return {
    path: 'index.html',
    kind: 'gallery',
    title: 'Orrery: papers you can turn by hand',
    description: `${papers} papers run live in your browser, each beside its baseline, with its claim measured as you watch.`,
    head,
    body,
  };
}

function finder(rooms: Room[], total: number): Html {
  const lists = [...new Set(rooms.flatMap((room) => room.cards.flatMap((card) => card.lists)))].sort(
    (a, b) => a - b,
  );
  const option = (name: string, value: string, label: string, count: number | false) =>
    html`<label><input type="radio" name="${name}" value="${value}"${value === '' && html` checked`}><span>${label}${count !== false && html`<small>${count}</small>`}</span></label>`;
  return html`<search><form class="finder">
<div class="words"><label class="unseen" for="q">Search</label>
<input id="q" name="q" type="search" placeholder="Search papers and methods" autocomplete="off" spellcheck="false">
<output for="q" role="status">${total} exhibits</output></div>
<fieldset class="chips"><legend class="unseen">Wing</legend>${option('wing', '', 'All wings', false)}${rooms.map((room) => option('wing', room.slug, room.title, room.cards.length))}</fieldset>
<fieldset class="chips"><legend class="unseen">Reading list</legend>${option('list', '', 'All lists', false)}${lists.map((list) => option('list', String(list + 1), listName(list), false))}</fieldset>
</form></search>`;
}

function wing(room: Room): Html {
  return html`<section class="wing" data-wing="${room.slug}" data-size="${room.cards.length}" aria-labelledby="wing-${room.slug}">
<h2 id="wing-${room.slug}">${room.title} <small>${room.cards.length}</small></h2>
<ul class="wall">${room.cards.map(card)}</ul>
</section>
`;
}

function card(entry: Card): Html {
  return html`<li data-slug="${entry.slug}" data-lists="${entry.lists.map((list) => list + 1).join(' ')}" data-words="${entry.algorithms.join(', ')}"><a href="e/${entry.slug}/"><span class="poster"></span><h3>${entry.title}</h3><p>${sentence(entry.claim)} <em class="${entry.verdict}">${verdictWords(entry.verdict)}</em> <span class="year">${entry.year ?? 'a workbench'}</span></p></a></li>
`;
}

function footer(): Html {
  return html`<footer class="colophon"><p>Everything shown is computed in your browser, and the same link shows the same picture to everyone. No request leaves this site. <a href="compute/">How fast is your machine?</a></p></footer>`;
}
