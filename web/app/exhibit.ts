import '../exhibit/element.ts';
import { snippets } from './snippets.ts';

const box = document.querySelector<HTMLDetailsElement>('.embedding');

/** Writes both forms out for the settings that the address has now. */
function write(details: HTMLDetailsElement): void {
  const site = new URL('../../', location.href);
  const forms = snippets(
    details.dataset.slug ?? '',
    document.querySelector('h1')?.textContent ?? '',
    site,
    location,
  );
  for (const [id, code] of Object.entries(forms)) {
    const place = document.getElementById(id);
    if (place) place.textContent = code;
  }
}

box?.addEventListener('toggle', () => write(box));
box?.addEventListener('click', async (event) => {
  const button =
    event.target instanceof Element && event.target.closest<HTMLButtonElement>('button[data-copies]');
  if (!button) return;
  write(box);
  const code = document.getElementById(button.dataset.copies ?? '');
  if (!code) return;
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    button.textContent = 'Copied';
  } catch {
    getSelection()?.selectAllChildren(code);
    button.textContent = 'Selected';
  }
  setTimeout(() => {
    button.textContent = 'Copy';
  }, 2000);
});
