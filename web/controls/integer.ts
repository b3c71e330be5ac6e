import { customElement } from 'lit/decorators.js';
import type { IntegerSpec } from '../runtime/specs';
import { Slid } from './number';

/** A whole number. */
@customElement('orrery-integer')
export class IntegerControl extends Slid<IntegerSpec> {
  protected override track() {
    const { min, max, log } = this.spec;
    // A logarithmic slider cannot reach zero; counts that start there lie evenly.
    const even = !log || min <= 0;
    const coarse = Math.max(1, 10 ** Math.ceil(Math.log10((max - min) / 4000)));
    return even ? { min, max, log: false, step: coarse } : { min, max, log };
  }

  protected override at(position: number) {
    return Math.round(super.at(position));
  }
}
