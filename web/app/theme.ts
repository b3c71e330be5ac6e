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

/** A page for frames brings its typefaces only where it may load them: a sandboxed frame has no origin to ask from. */
const faces = document.currentScript?.dataset.fonts;
if (faces && self.origin !== 'null') {
  const sheet = document.createElement('link');
  sheet.rel = 'stylesheet';
  sheet.href = faces;
  document.head.append(sheet);
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
