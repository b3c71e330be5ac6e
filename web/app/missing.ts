/** The page for addresses that are not there: its links lead from the site's root, which this script knows. */
const { url } = import.meta;

for (const link of document.querySelectorAll<HTMLAnchorElement>('a:not(.skip)')) {
  // The script lies one folder below the root.
  link.href = new URL(`../${link.getAttribute('href')}`, url).href;
}
