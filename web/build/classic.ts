import { build, type Plugin } from 'vite';

/**
 * Builds each source file as one classic script at the site's root: these also run where a module may not, in
 * sandboxed frames and on foreign pages.
 */
export function classic(scripts: Record<string, string>): Plugin {
  return {
    name: 'orrery-classic',
    apply: 'build',
    async writeBundle({ dir }) {
      for (const [fileName, input] of Object.entries(scripts)) {
        await build({
          configFile: false,
          publicDir: false,
          logLevel: 'warn',
          worker: { format: 'iife' },
          build: {
            outDir: dir,
            emptyOutDir: false,
            target: 'es2022',
            rolldownOptions: {
              input,
              output: { format: 'iife', entryFileNames: fileName },
              // A classic script has its address from the document instead.
              transform: { define: { 'import.meta': '{}' } },
            },
          },
        });
      }
    },
  };
}
