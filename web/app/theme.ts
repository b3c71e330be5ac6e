/** Light or dark: the system's choice, unless the visitor made another. Runs before anything is drawn. */
const root = document.documentElement;

/** Storage is closed to sandboxed frames. */
function remembered(choice?: string): string | null {
  try {
    if (choice) localStorage.setItem('orrery-theme', choice);
    return localStorage.getItem('orrery-theme');
  } catch {
    return null;
  }
}

const stored = remembered();
if (stored === 'light' || stored === 'dark') root.dataset.theme = stored;

addEventListener('DOMContentLoaded', () => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  document.querySelector('button.theme')?.addEventListener('click', () => {
    const now = root.dataset.theme ?? (dark.matches ? 'dark' : 'light');
    root.dataset.theme = now === 'dark' ? 'light' : 'dark';
    remembered(root.dataset.theme);
  });
});
