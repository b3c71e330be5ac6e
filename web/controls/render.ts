/** The element for each kind of control. */
import { html, type TemplateResult } from 'lit';
import type { Fault, Settings, Spec } from '../runtime/specs';
import { settingOf } from '../runtime/specs';
import './choice';
import './curve';
import './formula';
import './image';
import './integer';
import './number';
import './points';
import './set';
import './table';
import './text';
import './toggle';

/** The control that sets `spec`. */
export function control(spec: Spec, settings: Settings, fault: Fault | undefined): TemplateResult {
  const value = settingOf(spec, settings);
  switch (spec.kind) {
    case 'number':
      return html`<orrery-number .spec=${spec} .value=${value} .fault=${fault}></orrery-number>`;
    case 'integer':
      return html`<orrery-integer .spec=${spec} .value=${value} .fault=${fault}></orrery-integer>`;
    case 'toggle':
      return html`<orrery-toggle .spec=${spec} .value=${value} .fault=${fault}></orrery-toggle>`;
    case 'choice':
      return html`<orrery-choice .spec=${spec} .value=${value} .fault=${fault}></orrery-choice>`;
    case 'set':
      return html`<orrery-set .spec=${spec} .value=${value} .fault=${fault}></orrery-set>`;
    case 'points':
      return html`<orrery-points .spec=${spec} .value=${value} .fault=${fault}></orrery-points>`;
    case 'curve':
      return html`<orrery-curve .spec=${spec} .value=${value} .fault=${fault}></orrery-curve>`;
    case 'formula':
      return html`<orrery-formula .spec=${spec} .value=${value} .fault=${fault}></orrery-formula>`;
    case 'image':
      return html`<orrery-image .spec=${spec} .value=${value} .fault=${fault}></orrery-image>`;
    case 'text':
      return html`<orrery-text .spec=${spec} .value=${value} .fault=${fault}></orrery-text>`;
    case 'table':
      return html`<orrery-table .spec=${spec} .value=${value} .fault=${fault}></orrery-table>`;
  }
}
