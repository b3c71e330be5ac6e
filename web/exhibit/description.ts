/** What the site knows of an exhibit before anything runs, and where the site lies. */
import type { Contender, StoredFrame } from '../figures/types';
import type { Settings, Spec } from '../runtime/specs';

/** A named setting with the verdict it gives. */
export interface Scenario {
  id: string;
  label: string;
  note: string;
  settings: Settings;
  expect: 'holds' | 'fails' | 'pending';
}

/** An exhibit's card, controls and poster frame, as `data/exhibit/<slug>.js` has them. */
export interface Description {
  slug: string;
  wing: string;
  title: string;
  /** None where the exhibit is an arena. */
  year?: number;
  contenders: Contender[];
  specs: Spec[];
  scenarios: Scenario[];
  /** The last frame of the default run. */
  frame?: StoredFrame;
}

declare global {
  var orreryExhibits: Record<string, Description> | undefined;
}

/** The site's root: where the classic `embed.js` lies, or above the folder of the module that holds this. */
export const ROOT = rootOf(document.currentScript, import.meta.url);

function rootOf(script: HTMLOrSVGScriptElement | null, module: string | undefined): string {
  if (script instanceof HTMLScriptElement && script.src) return new URL('.', script.src).href;
  if (!module) return new URL('.', document.baseURI).href;
  // The build puts modules into `assets/`; the development server serves this file where it lies.
  return new URL(/\/assets\/[^/]*$/.test(module) ? '..' : '../..', module).href;
}

const loading = new Map<string, Promise<Description>>();

/** The description of an exhibit of the site at `base`. A classic script, so that sandboxed and foreign pages may load it. */
export function describe(slug: string, base: string): Promise<Description> {
  if (!/^[a-z0-9-]+$/.test(slug)) return Promise.reject(new Error(`“${slug}” is no exhibit's name.`));
  const known = globalThis.orreryExhibits?.[slug];
  if (known) return Promise.resolve(known);
  const address = `${base}data/exhibit/${slug}.js`;
  const found = loading.get(address) ?? inject(slug, address);
  loading.set(address, found);
  return found;
}

function inject(slug: string, address: string): Promise<Description> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    const refuse = () => {
      loading.delete(address);
      reject(new Error(`There is no exhibit “${slug}” here.`));
    };
    script.src = address;
    script.addEventListener('error', refuse);
    script.addEventListener('load', () => {
      const description = globalThis.orreryExhibits?.[slug];
      if (description) resolve(description);
      else refuse();
    });
    document.head.append(script);
  });
}
