/**
 * The page that stands in another page's frame: it leaves out what `?hide=` names (essay, source, controls) and tells
 * the page around it how high it is, as `{ orrery: slug, height }`.
 */
const slug = document.querySelector('orrery-exhibit')?.getAttribute('name') ?? '';
const hidden = (new URLSearchParams(location.search).get('hide') ?? '').split(/[\s,]+/);

for (const part of document.querySelectorAll<HTMLElement>('[data-part]')) {
  if (hidden.includes(part.dataset.part ?? '')) part.hidden = true;
}
document.querySelector('orrery-exhibit')?.setAttribute('hide', hidden.join(' '));

let told = 0;
const tell = () => {
  const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
  if (height === told) return;
  told = height;
  parent.postMessage({ orrery: slug, height }, '*');
};
if (parent !== window) new ResizeObserver(tell).observe(document.documentElement);
