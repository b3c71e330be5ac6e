import { expect, it } from 'vitest';
import { snippets } from './snippets.ts';

it('writes both forms for the settings in the address, quoted for markup', () => {
  const site = new URL('https://example.org/some/folder/');
  const address = { search: '?lr=0.01&objective=x%3C%22y%22', hash: '' };
  const forms = snippets('lion-lyapunov', 'Lion & friends', site, address);
  expect(forms['as-frame']).toContain(
    'src="https://example.org/some/folder/embed/lion-lyapunov/?lr=0.01&amp;objective=x%3C%22y%22"',
  );
  expect(forms['as-frame']).toContain('title="Lion &amp; friends"');
  expect(forms['as-element']).toContain('<script src="https://example.org/some/folder/embed.js"></script>');
  expect(forms['as-element']).toContain(
    '<orrery-exhibit name="lion-lyapunov" lr="0.01" objective="x&lt;&quot;y&quot;">',
  );
});
