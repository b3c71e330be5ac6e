import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, StoredFrame, Verdict } from '../figures/types.ts';

/** What the gallery says of an exhibit. */
export interface Card {
  slug: string;
  wing: string;
  title: string;
  /** When the paper appeared; an arena is no paper's and has none. */
  year?: number;
  /** The reading lists that hold the paper, from 0. */
  lists: number[];
  claim: string;
  algorithms: string[];
  contenders: Contender[];
  /** Of the default scenario at seed 0. */
  verdict: Verdict;
}

/** A family of exhibits. */
export interface Wing {
  slug: string;
  title: string;
}

/** A wing with what hangs in it. */
export interface Room extends Wing {
  cards: Card[];
}

/** An exhibit with all that its page holds. */
export interface Exhibit extends Card {
  specs: unknown[];
  scenarios: unknown[];
  essay: string;
  source: string;
  frame: StoredFrame;
}

/** What `orrery manifest` wrote, read from its folder. */
export class Catalogue {
  readonly wings: Wing[];
  readonly cards: Card[];

  constructor(private readonly folder: string) {
    const path = join(folder, 'manifest.json');
    if (!existsSync(path)) {
      throw new Error(
        `${path} is missing; \`cargo xtask build\` makes it with \`orrery manifest --out ${folder}\``,
      );
    }
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { wings: Wing[]; exhibits: Card[] };
    this.wings = manifest.wings;
    this.cards = manifest.exhibits;
  }

  /** The wings that are open, in order, with their cards. */
  get rooms(): Room[] {
    const rooms = this.wings.map((wing) => ({
      ...wing,
      cards: this.cards.filter((card) => card.wing === wing.slug),
    }));
    return rooms.filter((room) => room.cards.length > 0);
  }

  /** The title of a wing. */
  wingTitle(slug: string): string {
    return this.wings.find((wing) => wing.slug === slug)?.title ?? slug;
  }

  /** Everything about one exhibit. */
  exhibit(slug: string): Exhibit {
    return JSON.parse(readFileSync(join(this.folder, 'exhibit', `${slug}.json`), 'utf8'));
  }

  /** The gallery's picture of it. */
  poster(slug: string): StoredFrame {
    return JSON.parse(readFileSync(join(this.folder, 'poster', `${slug}.json`), 'utf8'));
  }
}
