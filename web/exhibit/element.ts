/** `<orrery-exhibit>`: one paper, running. */
import { html, LitElement, nothing } from 'lit';
import { property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { Control, SettingDetail } from '../controls/control';
import { control } from '../controls/render';
import type { OrreryFigure } from '../figures/figure';
import { currentTheme, watchTheme } from '../figures/theme';
import { type Claim, type DragDetail, decodeFrame, type Layout, type Verdict } from '../figures/types';
import { accept } from '../runtime/accept';
import { decode, encode, fromText, LARGEST_SEED, numberOf } from '../runtime/link';
import type { Command, FrameReport, Report, Speed } from '../runtime/messages';
import { Player } from '../runtime/player';
import {
  changed,
  exactJson,
  type Fault,
  type Point,
  type Settings,
  type Spec,
  same,
  settingOf,
  shown,
} from '../runtime/specs';
import '../figures/figure';
import { claimed } from './claim';
import { type Description, describe, ROOT, type Scenario } from './description';
import { keyed } from './keys';
import { buttons, layout, tokens } from './look';
import './transport';
import type { Transported } from './transport';

/** Attributes that are not settings. */
const OWN = [
  'name',
  'seed',
  'base',
  'page',
  'embed',
  'hide',
  'class',
  'id',
  'style',
  'slot',
  'part',
  'title',
  'hidden',
  'lang',
  'dir',
  'role',
  'tabindex',
];

/** So many drawing times are remembered. */
const REMEMBERED = 240;

/** The address follows the controls at most so often. */
const ADDRESS_MS = 300;

/** The detail of the event `frame`. */
export interface FrameDetail {
  step: number;
  hash: string;
  length: number;
  done: boolean;
}

/** The detail of the event `verdict`. */
export interface VerdictDetail {
  verdict: Verdict;
  claim: Claim;
}

const stillness = matchMedia('(prefers-reduced-motion: reduce)');

const DICE = html`<svg viewBox="0 0 16 16" aria-hidden="true">
  <rect x="1.5" y="1.5" width="13" height="13" rx="2.5" />
  <circle cx="5" cy="5" r="1.3" /><circle cx="11" cy="5" r="1.3" /><circle cx="8" cy="8" r="1.3" /><circle cx="5" cy="11" r="1.3" /><circle cx="11" cy="11" r="1.3" />
</svg>`;

export class OrreryExhibit extends LitElement {
  static override styles = [tokens, buttons, layout];

  /** The exhibit's slug. */
  @property() name = '';
  /** The root of the site; without it, where this script came from. */
  @property() base = '';
  /** The page is this exhibit's own: its settings are in the address. */
  @property({ type: Boolean }) page = false;
  /** Stands in another page's frame. */
  @property({ type: Boolean }) embed = false;
  /** Parts to leave out, such as `controls`. */
  @property() hide = '';

  @state() private description: Description | undefined;
  @state() private absent = '';
  @state() private chosen: Settings = {};
  @state() private chance = 0;
  @state() private notices: string[] = [];
  @state() private fault: Fault | undefined;
  @state() private crash = '';
  @state() private link = '';
  @state() private copied = false;
  @state() private layouts: Layout[] = [];
  @state() private claim: Claim | undefined;
  @state() private at = { step: 0, length: 0, reached: 0, playing: false };
  @state() private speed: Speed = 1;
  @state() private progress: number | undefined;
  /** What is drawn is not what the controls say. */
  @state() private dim = false;

  /** The hash of the frame drawn last; empty while the poster is shown. */
  hash = '';
  /** The milliseconds that drawing all figures took, the newest last. */
  readonly drawTimes: number[] = [];
  /** The milliseconds from the last input to the drawn frame that answers it. */
  latency = Number.NaN;

  private player: Player | undefined;
  private next: FrameReport | undefined;
  private drawing = 0;
  private data: ArrayLike<number> = [];
  private layoutText = '';
  private claimText = '';
  private inView = false;
  private openAt: number | undefined;
  /** Orders given before there was anyone to take them. */
  private early: Command[] = [];
  private input: { serial: number; time: number } | undefined;
  private waiting: { serial: number; resolve: () => void }[] = [];
  private addressTimer: ReturnType<typeof setTimeout> | undefined;
  private unwatch: (() => void)[] = [];
  private readonly claimHeight = new ResizeObserver(([entry]) => this.keepClaimHeight(entry));
  private claimWidth = 0;
  private claimSection: HTMLElement | undefined;
  /** Properties set before the description was there. */
  private wished: Settings = {};
  private wishedSeed: number | undefined;

  // ---- What the page around it may use ----

  /** What differs from the defaults, by the controls' names. */
  get settings(): Settings {
    return structuredClone(this.chosen);
  }
  set settings(settings: Settings) {
    if (this.description) this.change(this.validated(settings));
    else this.wished = settings;
  }

  /** The seed of the run. */
  get seed(): number {
    return this.chance;
  }
  set seed(seed: number) {
    if (this.description) this.reseed(seed);
    else this.wishedSeed = seed;
  }

  /** The step that is drawn. */
  get currentStep(): number {
    return this.at.step;
  }

  /** Where the claim stands at the step that is drawn. */
  get verdict(): Verdict {
    return this.claim?.verdict ?? 'pending';
  }

  /** Plays on, or from the start if the run is over. */
  play(): void {
    this.order({ type: 'play' });
    this.at = { ...this.at, playing: true };
  }

  /** Stops where it is. */
  pause(): void {
    this.order({ type: 'pause' });
    this.at = { ...this.at, playing: false };
  }

  /** Runs one step; resolves when it is drawn. */
  step(): Promise<void> {
    return this.arrival(this.order({ type: 'step' }));
  }

  /** Goes back to the start and stays there. */
  reset(): Promise<void> {
    this.pause();
    return this.seek(0);
  }

  /** Goes to a step, forwards or back; resolves when it is drawn. `Infinity` is the end. */
  seek(step: number): Promise<void> {
    return this.arrival(this.order({ type: 'seek', step: Math.max(0, step) }));
  }

  // ---- Beginning ----

  override connectedCallback(): void {
    super.connectedCallback();
    const sight = new IntersectionObserver(([{ isIntersecting }]) => {
      this.inView = isIntersecting;
      this.look();
    });
    sight.observe(this);
    const look = () => this.look();
    document.addEventListener('visibilitychange', look);
    const keys = (event: KeyboardEvent) => this.key(event);
    document.addEventListener('keydown', keys);
    const attributes = new MutationObserver((records) => this.attributesChanged(records));
    attributes.observe(this, { attributes: true });
    const colour = () => {
      this.style.colorScheme = currentTheme().dark ? 'dark' : 'light';
    };
    colour();
    this.unwatch = [
      () => sight.disconnect(),
      () => document.removeEventListener('visibilitychange', look),
      () => document.removeEventListener('keydown', keys),
      () => attributes.disconnect(),
      watchTheme(colour),
    ];
    void this.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const stop of this.unwatch) stop();
    clearTimeout(this.addressTimer);
    this.close();
  }

  private get root(): string {
    return this.base ? new URL(this.base, document.baseURI).href : ROOT;
  }

  private async open(): Promise<void> {
    if (!this.name) return;
    if (this.description) {
      // Moved within the document: it stays as it is.
      this.poster(this.description);
      this.look();
      return;
    }
    try {
      const description = await describe(this.name, this.root);
      if (!this.isConnected) return;
      const { specs } = description;
      this.description = description;
      let settings = { ...this.attributeSettings(), ...this.validated(this.wished) };
      this.chance = this.seedOf(this.wishedSeed ?? numberOf(this.getAttribute('seed') ?? '0'));
      if (this.page || this.embed) {
        const linked = await decode(specs, location.search, location.hash);
        settings = { ...settings, ...linked.settings };
        if (linked.seed !== 0) this.chance = linked.seed;
        this.openAt = linked.step;
        this.notices = [...this.notices, ...linked.notices];
      }
      this.chosen = changed(specs, settings);
      this.poster(description);
      this.look();
    } catch (error) {
      this.absent = error instanceof Error ? error.message : String(error);
    }
  }

  /** Draws the stored last frame of the default run, until there is a live one. */
  private poster({ frame }: Description) {
    if (!frame || this.player) return;
    const { layout, claim, data, step, length } = decodeFrame(frame);
    this.data = data;
    const defaults = Object.keys(this.chosen).length === 0 && this.chance === 0 && this.openAt === undefined;
    this.dim = !defaults;
    this.layouts = layout;
    if (defaults) {
      this.claim = claim;
      this.at = { step, length, reached: step, playing: false };
    }
    void this.paint();
  }

  /** Starts once in sight, and lets it run only there. */
  private look() {
    const seen = this.inView && !document.hidden;
    if (seen && !this.player && this.description && !this.crash) this.start();
    this.player?.sight(seen);
  }

  private start() {
    const { description } = this;
    if (!description || this.player) return;
    this.crash = '';
    this.player = new Player({ base: this.root, wing: description.wing, slug: description.slug }, (report) =>
      this.hear(report),
    );
    const commanded = this.early.length > 0;
    // With motion reduced, the finished run is shown at once.
    const step = this.openAt ?? (stillness.matches && !commanded ? Number.POSITIVE_INFINITY : 0);
    const play = this.openAt === undefined && !stillness.matches && !commanded;
    if (this.speed !== 1) this.player.order({ type: 'speed', speed: this.speed });
    this.run({ step, play });
    for (const command of this.early) this.order(command);
    this.early = [];
    this.openAt = undefined;
    if (!(this.inView && !document.hidden)) this.player.sight(false);
  }

  private close() {
    this.player?.close();
    this.player = undefined;
    cancelAnimationFrame(this.drawing);
    this.drawing = 0;
    this.next = undefined;
    this.input = undefined;
    for (const { resolve } of this.waiting) resolve();
    this.waiting = [];
  }

  // ---- Orders ----

  private order(command: Command): number {
    if (!this.player) {
      this.early.push(command);
      this.start();
      return 0;
    }
    const serial = this.player.order(command);
    this.input = { serial, time: performance.now() };
    return serial;
  }

  private arrival(serial: number): Promise<void> {
    return new Promise((resolve) => this.waiting.push({ serial, resolve }));
  }

  /** Runs the present settings. */
  private run(where: { step?: number; play?: boolean } = {}): number {
    return this.order({ type: 'run', settings: exactJson(this.chosen), seed: this.chance, ...where });
  }

  private change(settings: Settings, where: { step?: number; play?: boolean } = {}) {
    const { description } = this;
    if (!description) return;
    this.chosen = changed(description.specs, settings);
    this.link = '';
    if (this.player) this.run(where);
    else this.start();
    this.follow();
  }

  private reseed(seed: unknown) {
    this.chance = this.seedOf(seed);
    this.link = '';
    if (this.player) this.run();
    else this.start();
    this.follow();
  }

  private seedOf(seed: unknown): number {
    const whole = typeof seed === 'number' && Number.isInteger(seed) && seed >= 0;
    return whole ? Math.min(seed, LARGEST_SEED) : 0;
  }

  private validated(settings: Settings): Settings {
    const valid: Settings = {};
    for (const [name, raw] of Object.entries(settings)) {
      const spec = this.description?.specs.find((candidate) => candidate.name === name);
      if (!spec) this.note(`There is no control “${name}”; it is ignored.`);
      else valid[name] = this.accepted(spec, raw);
    }
    return valid;
  }

  private accepted(spec: Spec, raw: unknown) {
    const { value, notice } = accept(spec, raw);
    if (notice) this.note(notice);
    return value;
  }

  private note(notice: string) {
    if (!this.notices.includes(notice)) this.notices = [...this.notices, notice];
  }

  private attributeSettings(): Settings {
    const settings: Settings = {};
    for (const { name, value } of this.attributes) {
      const spec = OWN.includes(name)
        ? undefined
        : this.description?.specs.find((candidate) => candidate.name === name);
      if (spec)
        settings[name] = this.accepted(
          spec,
          fromText(spec, spec.kind === 'toggle' && value === '' ? '1' : value),
        );
    }
    return settings;
  }

  private attributesChanged(records: MutationRecord[]) {
    const names = new Set(records.map((record) => record.attributeName ?? ''));
    if (names.has('name') || names.has('base')) {
      this.close();
      this.description = undefined;
      void this.open();
      return;
    }
    if (!this.description) return;
    const known = this.description.specs.filter(({ name }) => names.has(name) && !OWN.includes(name));
    if (known.length) {
      const settings = { ...this.chosen };
      const set = this.attributeSettings();
      for (const { name, default: standard } of known) settings[name] = set[name] ?? standard;
      this.change(settings);
    }
    if (names.has('seed')) this.reseed(numberOf(this.getAttribute('seed') ?? '0'));
  }

  // ---- Reports ----

  private hear(report: Report) {
    switch (report.type) {
      case 'frame':
        this.next = report;
        if (!this.drawing) this.drawing = requestAnimationFrame(() => this.drawNext());
        break;
      case 'progress':
        this.progress =
          report.to > report.from ? (report.step - report.from) / (report.to - report.from) : undefined;
        break;
      case 'fault':
        this.fault = report.fault;
        this.dim = true;
        this.progress = undefined;
        this.input = undefined;
        this.settle(report.serial);
        break;
      case 'crashed':
        this.crash = report.message;
        this.at = { ...this.at, playing: false };
        this.progress = undefined;
        this.close();
        break;
      default:
    }
  }

  private settle(serial: number) {
    const met = this.waiting.filter((wait) => wait.serial <= serial);
    this.waiting = this.waiting.filter((wait) => wait.serial > serial);
    for (const { resolve } of met) resolve();
  }

  private drawNext() {
    this.drawing = 0;
    const { next: report, player } = this;
    this.next = undefined;
    if (!report || !player) return;
    // Ask before drawing: the worker computes the next moment meanwhile.
    player.ask();
    if (!report.arrived && stillness.matches && !report.playing) return;
    if (report.layout !== this.layoutText) {
      const layouts = JSON.parse(report.layout) as Layout[];
      this.layoutText = report.layout;
      this.layouts = layouts;
    }
    this.data = report.data;
    const before = this.verdict;
    if (report.claim !== this.claimText) {
      this.claimText = report.claim;
      this.claim = JSON.parse(report.claim) as Claim;
    }
    const { step, length, reached, playing, done, hash, serial, arrived } = report;
    this.at = { step, length, reached, playing };
    this.hash = hash;
    this.fault = undefined;
    this.dim = false;
    if (arrived) this.progress = undefined;
    this.paint();
    if (this.input && serial >= this.input.serial) {
      this.latency = performance.now() - this.input.time;
      this.input = undefined;
    }
    this.dispatchEvent(new CustomEvent<FrameDetail>('frame', { detail: { step, hash, length, done } }));
    if (this.claim && this.claim.verdict !== before) {
      const detail: VerdictDetail = { verdict: this.claim.verdict, claim: this.claim };
      this.dispatchEvent(new CustomEvent<VerdictDetail>('verdict', { detail }));
    }
    if (arrived) this.settle(serial);
  }

  /** Draws all figures at once; where there are new ones, as soon as they stand. */
  private paint() {
    const figures = [...(this.renderRoot?.querySelectorAll<OrreryFigure>('orrery-figure') ?? [])];
    const standing =
      figures.length === this.layouts.length &&
      figures.every((figure, index) => figure.id === this.layouts[index].id);
    if (!standing) {
      void this.updateComplete.then(() => this.paintStanding());
      return;
    }
    this.paintStanding(figures);
  }

  /** The claim never shrinks while its numbers change: what stands below it stays where it is. */
  private keepClaimHeight({ target, contentRect: { width, height } }: ResizeObserverEntry) {
    const { style } = target as HTMLElement;
    if (width !== this.claimWidth) {
      this.claimWidth = width;
      style.minHeight = '';
    } else if (height > Number.parseFloat(style.minHeight || '0')) style.minHeight = `${height}px`;
  }

  protected override updated(): void {
    const section = this.renderRoot.querySelector<HTMLElement>('.claim > div') ?? undefined;
    if (section === this.claimSection) return;
    this.claimHeight.disconnect();
    if (section) this.claimHeight.observe(section);
    this.claimSection = section;
  }

  private paintStanding(figures = [...this.renderRoot.querySelectorAll<OrreryFigure>('orrery-figure')]) {
    const start = performance.now();
    for (const figure of figures) {
      const found = this.layouts.find(({ id }) => id === figure.id);
      if (found) figure.show(found, this.data);
      figure.toggleAttribute('drawn', true);
    }
    this.drawTimes.push(performance.now() - start);
    if (this.drawTimes.length > REMEMBERED) this.drawTimes.shift();
  }

  // ---- What the visitor does ----

  private set(event: CustomEvent<SettingDetail>) {
    event.stopPropagation();
    const { name, value } = event.detail;
    if (this.fault?.control === name) this.fault = undefined;
    this.change({ ...this.chosen, [name]: value });
  }

  private drag(event: Event) {
    // The browser has an event of this name, too.
    if (!(event instanceof CustomEvent)) return;
    const { control: name, index, x, y } = event.detail as DragDetail;
    const spec = this.description?.specs.find((candidate) => candidate.name === name);
    if (spec?.kind !== 'points') return;
    const points = [...(settingOf(spec, this.chosen) as Point[])];
    if (!points[index]) return;
    // So many digits as a hand has; the link stays readable.
    const round = (value: number, [low, high]: [number, number]) =>
      Number(value.toFixed(Math.max(0, Math.ceil(-Math.log10((high - low) / 5000)))));
    points[index] = [round(x, spec.domain[0]), round(y, spec.domain[1])];
    const { value } = accept(spec, points);
    this.change({ ...this.chosen, [name]: value });
  }

  private transport({ detail }: CustomEvent<Transported>) {
    switch (detail.action) {
      case 'play':
        return this.play();
      case 'pause':
        return this.pause();
      case 'step':
        return void this.step();
      case 'reset':
        return void this.reset();
      case 'seek':
        return void this.seek(detail.step);
      case 'speed':
        this.speed = detail.speed;
        this.order({ type: 'speed', speed: detail.speed });
        return;
      case 'copy':
        return void this.copy();
    }
  }

  private key(event: KeyboardEvent) {
    const action = keyed(event, this);
    if (!action) return;
    event.preventDefault();
    if (action === 'play') this.at.playing ? this.pause() : this.play();
    else if (action === 'step') void this.step();
    else void this.reset();
  }

  private enact(scenario: Scenario) {
    this.change(
      scenario.settings,
      stillness.matches ? { step: Number.POSITIVE_INFINITY } : { step: 0, play: true },
    );
    for (const figure of this.renderRoot.querySelectorAll<OrreryFigure>('orrery-figure')) figure.reset();
  }

  private restart(defaults: boolean) {
    this.crash = '';
    if (defaults) {
      this.chosen = {};
      this.chance = 0;
      this.follow();
    }
    this.start();
    // What was being played when it broke stays stopped: only the visitor says go.
    this.pause();
  }

  // ---- Links ----

  /** The address of the exhibit's own page at what is shown now. */
  async linkHere(): Promise<string> {
    const { description, chosen, chance, at } = this;
    const page = this.page ? `${location.origin}${location.pathname}` : `${this.root}e/${this.name}/`;
    const place = { settings: chosen, seed: chance, step: at.step };
    return page + (description ? await encode(description.specs, place) : '');
  }

  private async copy() {
    const link = await this.linkHere();
    try {
      await navigator.clipboard.writeText(link);
      this.copied = true;
      setTimeout(() => {
        this.copied = false;
      }, 2000);
    } catch {
      // Sandboxed and foreign pages may not write to the clipboard: the link is shown, ready to be copied.
      this.link = link;
      await this.updateComplete;
      const field = this.renderRoot.querySelector<HTMLInputElement>('.link');
      field?.focus();
      field?.select();
    }
  }

  /** Lets the address follow the controls, without filling the history. */
  private follow() {
    if (!this.page || this.addressTimer !== undefined) return;
    this.addressTimer = setTimeout(async () => {
      this.addressTimer = undefined;
      if (!this.description) return;
      const link = await encode(this.description.specs, { settings: this.chosen, seed: this.chance });
      const address = new URL(link, location.origin);
      const hide = new URLSearchParams(location.search).get('hide');
      const search =
        address.search +
        (hide === null ? '' : `${address.search ? '&' : '?'}hide=${encodeURIComponent(hide)}`);
      // An anchor of the page, such as #essay, stays where no data needs its place.
      const anchor = location.hash.includes('=') ? '' : location.hash;
      try {
        history.replaceState(history.state, '', location.pathname + search + (address.hash || anchor));
      } catch {
        // A sandboxed frame may not change its address.
      }
    }, ADDRESS_MS);
  }

  // ---- What is seen ----

  private renderNotices() {
    return this.notices.map(
      (notice) => html`<div class="notice" role="status">
        <span>${notice}</span>
        <button
          type="button"
          @click=${() => {
            this.notices = this.notices.filter((other) => other !== notice);
          }}
        >
          Dismiss
        </button>
      </div>`,
    );
  }

  private renderScenarios(scenarios: Scenario[]) {
    if (scenarios.length === 0) return nothing;
    const active = scenarios.find((scenario) => same(scenario.settings, this.chosen));
    return html`<div class="scenarios" role="group" aria-label="Scenarios">
        ${scenarios.map(
          (scenario) =>
            html`<button type="button" aria-pressed=${scenario === active ? 'true' : 'false'} @click=${() => this.enact(scenario)}>
              ${scenario.label}
            </button>`,
        )}
      </div>
      <div class="notes" aria-live="polite">
        ${scenarios.map((scenario) => html`<span class=${scenario === active ? 'active' : ''}>${scenario.note}</span>`)}
      </div>`;
  }

  private renderCrash() {
    if (!this.crash) return nothing;
    return html`<div class="card" role="alert">
      <p><strong>The run has stopped:</strong> ${this.crash}. The page is unharmed.</p>
      <button type="button" class="strong" @click=${() => this.restart(false)}>Restart</button>
      <button type="button" @click=${() => this.restart(true)}>Restart at the defaults</button>
    </div>`;
  }

  private renderFigures(layouts: Layout[], contenders: Description['contenders']) {
    return repeat(
      layouts,
      ({ id }) => id,
      ({ id }) => html`<orrery-figure id=${id} .contenders=${contenders} @drag=${this.drag}></orrery-figure>`,
    );
  }

  private renderSeed() {
    const type = (event: Event) => {
      event.stopPropagation();
      const field = event.target as HTMLInputElement;
      const seed = numberOf(field.value);
      if (seed !== undefined && Number.isInteger(seed) && seed >= 0) this.reseed(seed);
      field.value = String(this.chance);
    };
    return html`<div class="seed">
      <label for="seed">seed</label>
      <div class="row">
        <input
          class="field"
          id="seed"
          inputmode="numeric"
          autocomplete="off"
          .value=${String(this.chance)}
          @input=${(event: Event) => event.stopPropagation()}
          @change=${type}
        />
        <button type="button" class="dice" aria-label="Another seed" title="Another seed" @click=${() => this.reseed(Math.floor(1000 * Math.random()))}>
          ${DICE}
        </button>
      </div>
    </div>`;
  }

  protected override render() {
    if (this.absent) return html`<div class="card" role="alert"><p>${this.absent}</p></div>`;
    const { description, chosen, fault, layouts, at } = this;
    const hidden = this.hide.split(/[\s,]+/);
    const bare = hidden.includes('controls');
    const specs = description?.specs.filter((spec) => shown(spec, description.specs, chosen)) ?? [];
    const [first, ...rest] = specs.map((spec) =>
      control(spec, chosen, fault?.control === spec.name ? fault : undefined),
    );
    const homeless = fault && !specs.some(({ name }) => name === fault.control) ? fault : undefined;
    const figures = `figures${this.dim || this.crash ? ' dim' : ''}`;
    const contenders = description?.contenders ?? [];
    const [lead, ...others] = layouts;
    return html`<div class="exhibit ${bare ? 'bare' : ''}" @setting=${this.set}>
      <div class="top">
        ${this.renderNotices()}
        ${homeless ? html`<div class="card" role="alert"><p>These settings cannot be run: ${homeless.message}</p></div>` : nothing}
        ${bare ? nothing : this.renderScenarios(description?.scenarios ?? [])}
      </div>
      <div class="main">
        <div class="lead">
          ${this.renderCrash()}
          <div class=${figures}>
            ${lead ? this.renderFigures([lead], contenders) : html`<orrery-figure></orrery-figure>`}
          </div>
        </div>
        <div class="transport">
          <orrery-transport
            .step=${at.step}
            .length=${at.length}
            .reached=${at.reached}
            .playing=${at.playing}
            .speed=${this.speed}
            .progress=${this.progress}
            @transport=${this.transport}
          ></orrery-transport>
          <span class="hidden" role="status">${this.copied ? 'Link copied' : ''}</span>
          ${
            this.link
              ? html`<div class="notice"><input class="field link" readonly aria-label="Link to what is shown" .value=${this.link} />
                  <button type="button" @click=${() => {
                    this.link = '';
                  }}>Close</button></div>`
              : nothing
          }
        </div>
        <section class="claim" aria-label="The claim">
          <div>${this.claim ? claimed(this.claim) : html`<p class="verdict">…</p>`}</div>
          <span class="hidden" role="status">${this.claim && this.claim.verdict !== 'pending' ? `The claim ${this.claim.verdict}.` : ''}</span>
        </section>
        <div class="others ${figures}">${this.renderFigures(others, contenders)}</div>
      </div>
      ${
        bare
          ? nothing
          : html`<div class="side">
              <div class="first controls">${first ?? nothing}</div>
              <div class="rest controls">${rest}${this.renderSeed()}</div>
            </div>`
      }
    </div>`;
  }
}

export type { Control };

if (!customElements.get('orrery-exhibit')) customElements.define('orrery-exhibit', OrreryExhibit);

declare global {
  interface HTMLElementTagNameMap {
    'orrery-exhibit': OrreryExhibit;
  }
}
