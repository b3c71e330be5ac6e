/** What a teacher pastes: the exhibit at the settings of an address, as a frame and as an element. */
export function snippets(
  slug: string,
  title: string,
  site: URL,
  address: { search: string; hash: string },
): Record<'as-frame' | 'as-element', string> {
  const frame = new URL(`embed/${slug}/${address.search}${address.hash}`, site);
  const settings = [...new URLSearchParams(address.search)].map(
    ([name, value]) => ` ${name}="${quoted(value)}"`,
  );
  return {
    'as-frame': `<iframe src="${quoted(frame.href)}" title="${quoted(title)}" sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox" width="100%" height="720"></iframe>`,
    'as-element': `<script src="${new URL('embed.js', site).href}"></script>\n<orrery-exhibit name="${slug}"${settings.join('')}></orrery-exhibit>`,
  };
}

const quoted = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
