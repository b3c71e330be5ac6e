/** The page for addresses that are not there: its links lead from the site's root, which this script knows. */
const root = new URL('../', import.meta.url);

for (const link of document.querySelectorAll<HTMLAnchorElement>('a:not(.skip)')) {
  link.href = new URL(link.getAttribute('href') ?? '', root).href;
}
