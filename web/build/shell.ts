import { escapeText, type Html } from './html.ts';

/** One page of the site, before it is put into the shell (`index.html`). */
export interface Page {
  /** Where it lies in the site, such as `e/lion-lyapunov/index.html`. */
  path: string;
  /** The class of its `<body>`. */
  kind: 'gallery' | 'exhibit' | 'embed' | 'teach' | 'compute' | 'missing';
  title: string;
  /** A sentence or two for search engines and link previews. */
  description: string;
  /** Style sheets and scripts. */
  head: Html;
  body: Html;
}

/** The way from the page at `path` up to the site's root: `./`, `../` or `../../`. */
export function rootFrom(path: string): string {
  return '../'.repeat(path.split('/').length - 1) || './';
}

/** The page inside the shell. */
export function fillShell(shell: string, page: Page): string {
  const values: Record<string, string> = {
    title: escapeText(page.title),
    description: escapeText(page.description),
    type: page.kind === 'exhibit' ? 'article' : 'website',
    root: rootFrom(page.path),
    head: page.head.text,
    kind: page.kind,
    body: page.body.text,
  };
  return shell.replace(/\{\{(\w+)\}\}/g, (place, name) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the shell names ${place}, which no page has`);
    return value;
  });
}
