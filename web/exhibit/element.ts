/** `<orrery-exhibit>`: one paper, running. */
import { html, LitElement, nothing } from 'lit';
import { property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { SettingDetail } from '../controls/control';
import { control } from '../controls/render';
import type { OrreryFigure } from '../figures/figure';
import { currentTheme, watchTheme } from '../figures/theme';
import { type Claim, type DragDetail, decodeFrame, type Layout, type Verdict } from '../figures/types';
import { accept } from '../runtime/accept';
import { decode, encode, numberOf, type Place } from '../runtime/link';
import type { Command, FrameReport, Speed } from '../runtime/messages';
import {
  changed,
  exactJson,
  type Fault,
  type Point,
  type Settings,
  type Spec,
  settingOf,
  shown,
} from '../runtime/specs';
import '../figures/figure';
import { raisedStyle } from '../figures/raised';
import { Address } from './address';
import { type Asked, fromAttributes, fromValues, seedOf } from './asked';
import { claimed } from './claim';
import { type Description, describe, ROOT, type Scenario } from './description';
import { keyed } from './keys';
import { buttons, layout, tokens } from './look';
import { computedBy, crashCard, linkField, notices, scenarioButtons, seedField } from './parts';
import { Running, type Spectator, stillness } from './running';
import './transport';
import type { Transported } from './transport';

/** So many drawing times are remembered. */
const REMEMBERED = 240;

/** "Link copied" stands so long. */
const COPIED_MS = 2000;

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

/** Where a run of changed settings goes; without a step, to the one that is shown. */
interface Goal {
  step?: number;
  play?: boolean;
}

export class OrreryExhibit extends LitElement implements Spectator {
  static override styles = [tokens, buttons, layout, raisedStyle];

  /** The exhibit's slug. */
  @property() name = '';
  /** The root of the site; without it, where this script came from. */
  @property() base = '';
  /** The page is this exhibit's own: the address holds the settings and follows them. */
  @property({ type: Boolean }) page = false;
  /** The page stands in another page's frame: the address holds the settings. */
  @property({ type: Boolean }) embed = false;
  /** Parts to leave out, such as `controls`. */
  @property() hide = '';

  @state() private description: Description | undefined;
  @state() private absent = '';
  @state() private chosen: Settings = {};
  @state() private chance = 0;
  @state() private said: string[] = [];
  @state() private fault: Fault | undefined;
  @state() private crash = '';
  @state() private link = '';
  @state() private copied = false;
  @state() private layouts: Layout[] = [];
  @state() private claim: Claim | undefined;
  /** What computed the frame that is drawn. */
  @state() private by = 'CPU';
  @state() private at = { step: 0, length: 0, reached: 0, playing: false, pace: 0 };
  @state() private speed: Speed = 1;
  @state() private progress: number | undefined;
  /** What is drawn is not what the controls say. */
  @state() private dim = false;

  /** The hash of the frame drawn last; empty while the poster is shown. */
  hash = '';
  /** The milliseconds that drawing all figures took, the newest last. */
  readonly drawTimes: number[] = [];

  private readonly running = new Running(this);
  private readonly address = new Address();
  private data: ArrayLike<number> = [];
  private layoutText = '';
  private claimText = '';
  private inView = false;
  /** The step that the link opens on. */
  private openAt: number | undefined;
  private unwatch: (() => void)[] = [];
  /** Properties set before the description was there. */
  private wished: Settings = {};
  private wishedSeed: number | undefined;

  // ---- What the page around it may use ----

  /** What differs from the defaults, by the controls' names. */
  get settings(): Settings {
    return structuredClone(this.chosen);
  }
  set settings(settings: Settings) {
    if (this.description) this.change(this.heeded(fromValues(this.description.specs, settings)));
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

  /** The milliseconds from the last input to the drawn frame that answers it. */
  get latency(): number {
    return this.running.latency;
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
    return this.running.arrival(this.order({ type: 'step' }));
  }

  /** Goes back to the start and stays there; resolves when it is drawn. */
  reset(): Promise<void> {
    this.pause();
    return this.seek(0);
  }

  /** Goes to a step, forwards or back; resolves when it is drawn. `Infinity` is the end. */
  seek(step: number): Promise<void> {
    return this.running.arrival(this.order({ type: 'seek', step: Math.max(0, step) }));
  }

  /** The address of the exhibit's own page at what is shown now. */
  async linkHere(): Promise<string> {
    const page = this.page ? location.href.replace(/[?#].*$/, '') : `${this.root}e/${this.name}/`;
    const place = { ...this.place, step: this.at.step };
    return page + (this.description ? await encode(this.description.specs, place) : '');
  }

  // ---- Beginning and ending ----

  override connectedCallback(): void {
    super.connectedCallback();
    const sight = new IntersectionObserver((entries) => {
      this.inView = entries[entries.length - 1].isIntersecting;
      this.look();
    });
    sight.observe(this);
    const look = () => this.look();
    document.addEventListener('visibilitychange', look);
    const keys = (event: KeyboardEvent) => this.key(event);
    document.addEventListener('keydown', keys);
    const attributes = new MutationObserver((records) => this.attributesChanged(records));
    attributes.observe(this, { attributes: true });
    // Foreign pages may not have said which of the two themes they are in.
    const theme = () => {
      this.style.colorScheme = currentTheme().dark ? 'dark' : 'light';
    };
    theme();
    this.unwatch = [
      () => sight.disconnect(),
      () => document.removeEventListener('visibilitychange', look),
      () => document.removeEventListener('keydown', keys),
      () => attributes.disconnect(),
      watchTheme(theme),
    ];
    void this.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const stop of this.unwatch) stop();
    this.address.stop();
    this.running.close();
  }

  private get root(): string {
    return this.base ? new URL(this.base, document.baseURI).href : ROOT;
  }

  private get place(): Place {
    return { settings: this.chosen, seed: this.chance };
  }

  private async open(): Promise<void> {
    if (!this.name) return;
    if (this.description) {
      // Moved within the document: it stays as it is.
      this.look();
      return;
    }
    try {
      const description = await describe(this.name, this.root);
      if (!this.isConnected) return;
      this.absent = '';
      const { specs } = description;
      let settings = {
        ...this.heeded(fromAttributes(specs, this.attributes)),
        ...this.heeded(fromValues(specs, this.wished)),
      };
      this.chance = seedOf(this.wishedSeed ?? numberOf(this.getAttribute('seed') ?? '0'));
      if (this.page || this.embed) {
        const linked = await decode(specs, location.search, location.hash);
        settings = { ...settings, ...this.heeded(linked) };
        if (linked.seed !== 0) this.chance = linked.seed;
        this.openAt = linked.step;
      }
      this.description = description;
      this.chosen = changed(specs, settings);
      this.showPoster(description);
      this.look();
    } catch (error) {
      this.absent = error instanceof Error ? error.message : String(error);
    }
  }

  /** Draws the stored last frame of the default run, until there is a live one. */
  private showPoster({ frame }: Description) {
    if (!frame || this.hash) return;
    const { layout, claim, data, step, length } = decodeFrame(frame);
    const standard = Object.keys(this.chosen).length === 0 && this.chance === 0 && this.openAt === undefined;
    this.data = data;
    this.layouts = layout;
    this.dim = !standard;
    if (standard) {
      this.claim = claim;
      this.at = { step, length, reached: step, playing: false, pace: 0 };
    }
    this.paint();
  }

  /** Starts once in sight, and lets it run only there. */
  private look() {
    const seen = this.inView && !document.hidden;
    if (seen && !this.running.alive && !this.crash) this.start();
    this.running.sight(seen);
  }

  private start() {
    const { description, openAt, speed } = this;
    if (!description || this.running.alive) return;
    this.crash = '';
    // Who asks for a step wants to see that one; where motion is unwelcome, the finished run is shown at once.
    const still = openAt !== undefined || this.running.ordered;
    const goal = still
      ? { step: openAt ?? 0 }
      : stillness.matches
        ? { step: Number.POSITIVE_INFINITY }
        : { step: 0, play: true };
    this.openAt = undefined;
    const { root: base, name: slug } = this;
    this.running.start({ base, wing: description.wing, slug }, [{ type: 'speed', speed }, this.run(goal)]);
    this.running.sight(this.inView && !document.hidden);
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

  // ---- Orders ----

  private order(command: Command): number {
    const serial = this.running.order(command);
    if (!this.running.alive) this.start();
    return serial;
  }

  /** The order to run the present settings. */
  private run(goal: Goal): Command {
    return { type: 'run', settings: exactJson(this.chosen), seed: this.chance, ...goal };
  }

  private change(settings: Settings, goal: Goal = {}) {
    if (!this.description) return;
    this.chosen = changed(this.description.specs, settings);
    this.rerun(goal);
  }

  private reseed(seed: unknown) {
    this.chance = seedOf(seed);
    this.rerun({});
  }

  private rerun(goal: Goal) {
    this.link = '';
    if (this.running.alive) this.running.order(this.run(goal));
    else this.start();
    this.follow();
  }

  private follow() {
    if (this.page && this.description) this.address.follow(this.description.specs, () => this.place);
  }

  /** Takes valid settings and shows the notices that came with them. */
  private heeded({ settings, notices }: Asked): Settings {
    this.said = [...new Set([...this.said, ...notices])];
    return settings;
  }

  private attributesChanged(records: MutationRecord[]) {
    const names = new Set(records.map((record) => record.attributeName ?? ''));
    if (names.has('name') || names.has('base')) {
      this.running.close();
      this.description = undefined;
      this.hash = '';
      void this.open();
      return;
    }
    if (!this.description) return;
    const { specs } = this.description;
    const asked = [...this.attributes].filter(({ name }) => names.has(name));
    const set = this.heeded(fromAttributes(specs, asked));
    // An attribute that was taken away leaves its control at the default.
    const gone = specs.filter(({ name }) => names.has(name) && !this.hasAttribute(name));
    if (Object.keys(set).length + gone.length > 0) {
      const left = Object.fromEntries(gone.map((spec) => [spec.name, spec.default]));
      this.change({ ...this.chosen, ...set, ...left });
    }
    if (names.has('seed')) this.reseed(numberOf(this.getAttribute('seed') ?? '0'));
  }

  // ---- What the run says ----

  draw(frame: FrameReport): void {
    if (frame.layout !== this.layoutText) {
      this.layoutText = frame.layout;
      this.layouts = JSON.parse(frame.layout) as Layout[];
    }
    const before = this.verdict;
    if (frame.claim !== this.claimText) {
      this.claimText = frame.claim;
      this.claim = JSON.parse(frame.claim) as Claim;
    }
    const { step, length, reached, playing, done, hash, by, data, arrived, pace } = frame;
    // A run that comes to its end leaves no room for more on its axes, whether it was watched or a link led there.
    // One that only changes under a moving control is at its end already, and its axes stay.
    if (done && (step > this.at.step || !this.hash)) for (const figure of this.figures) figure.refit();
    this.data = data;
    this.hash = hash;
    this.by = by;
    this.at = { step, length, reached, playing, pace };
    this.fault = undefined;
    this.dim = false;
    this.paint(playing || !arrived);
    this.dispatchEvent(new CustomEvent<FrameDetail>('frame', { detail: { step, hash, length, done } }));
    if (this.claim && this.verdict !== before) {
      const detail: VerdictDetail = { verdict: this.verdict, claim: this.claim };
      this.dispatchEvent(new CustomEvent<VerdictDetail>('verdict', { detail }));
    }
  }

  underway(share: number | undefined): void {
    this.progress = share;
  }

  refused(fault: Fault): void {
    this.fault = fault;
    this.dim = true;
    this.progress = undefined;
    this.at = { ...this.at, playing: false };
  }

  crashed(message: string): void {
    this.crash = message;
    this.progress = undefined;
    this.at = { ...this.at, playing: false };
  }

  private get figures(): OrreryFigure[] {
    return [...(this.renderRoot?.querySelectorAll<OrreryFigure>('orrery-figure') ?? [])];
  }

  /**
   * Draws all figures at once; where there are new ones, as soon as they stand. Of frames that are only `passing`, figures
   * out of sight wait for one that stays, or to come near.
   */
  private paint(passing = false) {
    const ids = this.layouts.map(({ id }) => id).join(' ');
    const standing = this.figures.map(({ id }) => id).join(' ');
    if (ids === standing) this.paintStanding(passing);
    else void this.updateComplete.then(() => this.paintStanding(false));
  }

  private paintStanding(passing: boolean) {
    const begun = performance.now();
    for (const figure of this.figures) {
      const found = this.layouts.find(({ id }) => id === figure.id);
      if (found) figure.show(found, this.data, passing);
      figure.toggleAttribute('drawn', true);
    }
    this.drawTimes.push(performance.now() - begun);
    if (this.drawTimes.length > REMEMBERED) this.drawTimes.shift();
  }

  // ---- What the visitor does ----

  private set(event: CustomEvent<SettingDetail>) {
    event.stopPropagation();
    const { name, value } = event.detail;
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
    points[index] = [handy(x, spec.domain[0]), handy(y, spec.domain[1])];
    this.change({ ...this.chosen, [name]: accept(spec, points).value });
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
        if (this.running.alive) this.order({ type: 'speed', speed: detail.speed });
        return;
      case 'copy':
        return void this.copy();
    }
  }

  private key(event: KeyboardEvent) {
    const action = keyed(event, this);
    if (!action) return;
    event.preventDefault();
    if (action === 'step') void this.step();
    else if (action === 'reset') void this.reset();
    else if (this.at.playing) this.pause();
    else this.play();
  }

  private enact({ settings }: Scenario) {
    this.change(settings, stillness.matches ? { step: Number.POSITIVE_INFINITY } : { step: 0, play: true });
    for (const figure of this.figures) figure.reset();
  }

  private async copy() {
    const link = await this.linkHere();
    try {
      await navigator.clipboard.writeText(link);
      this.copied = true;
      setTimeout(() => {
        this.copied = false;
      }, COPIED_MS);
    } catch {
      // Sandboxed and foreign pages may not write to the clipboard: the link is shown, ready to be copied.
      this.link = link;
      await this.updateComplete;
      const field = this.renderRoot.querySelector<HTMLInputElement>('.link');
      field?.focus();
      field?.select();
    }
  }

  // ---- What is seen ----

  /** The claim never gets lower while its numbers change: what stands below it stays where it is. */
  private readonly claimHeight = new ResizeObserver(([{ target, contentRect }]) => {
    const { style, dataset } = target as HTMLElement;
    const { width, height } = contentRect;
    if (dataset.width !== String(width)) {
      dataset.width = String(width);
      style.minHeight = '';
    } else if (height > Number.parseFloat(style.minHeight || '0')) style.minHeight = `${height}px`;
  });

  protected override updated(): void {
    // Observing what is observed already changes nothing.
    const claim = this.renderRoot.querySelector('.claim > div');
    if (claim) this.claimHeight.observe(claim);
  }

  private renderFigures(layouts: Layout[]) {
    const { description } = this;
    if (!description) return nothing;
    return repeat(
      layouts,
      ({ id }) => id,
      ({ id }) =>
        html`<orrery-figure id=${id} .contenders=${description.contenders} @drag=${this.drag}></orrery-figure>`,
    );
  }

  private renderTop(specs: Spec[], bare: boolean) {
    const { fault, description } = this;
    // A control says its own fault, and is under the visitor's hand; but not after a link, before anything has run.
    const beside = !bare && this.hash !== '' && specs.some(({ name }) => name === fault?.control);
    const dismiss = (text: string) => {
      this.said = this.said.filter((other) => other !== text);
    };
    const card = html`<div class="card" role="alert"><p>These settings cannot be run: ${fault?.message}</p></div>`;
    const scenes = scenarioButtons(description?.scenarios ?? [], this.chosen, (scenario) =>
      this.enact(scenario),
    );
    return html`<div class="top">${notices(this.said, dismiss)}${fault && !beside ? card : nothing}</div>
      <div class="scenes">${bare ? nothing : scenes}</div>`;
  }

  private renderTransport() {
    const { at, speed, progress } = this;
    const close = () => {
      this.link = '';
    };
    return html`<div class="transport">
      <orrery-transport
        .step=${at.step}
        .length=${at.length}
        .reached=${at.reached}
        .pace=${at.pace}
        .playing=${at.playing}
        .speed=${speed}
        .progress=${progress}
        .copied=${this.copied}
        @transport=${this.transport}
      ></orrery-transport>
      ${linkField(this.link, close)}
    </div>`;
  }

  private renderClaim() {
    const { claim, by } = this;
    const decided = claim && claim.verdict !== 'pending' && !this.at.playing;
    return html`<section class="claim" aria-label="The claim">
      <div>${claim ? claimed(claim) : html`<p class="verdict">…</p>`}${computedBy(by)}</div>
      <span class="hidden" role="status">${decided ? `The claim ${claim.verdict}.` : ''}</span>
    </section>`;
  }

  private renderControls(specs: Spec[]) {
    const { fault, chosen } = this;
    const [first, ...rest] = specs.map((spec) =>
      control(spec, chosen, fault?.control === spec.name ? fault : undefined),
    );
    return html`<div class="side">
      <div class="first controls">${first ?? nothing}</div>
      <div class="rest controls">${rest}${seedField(this.chance, (seed) => this.reseed(seed))}</div>
    </div>`;
  }

  protected override render() {
    if (this.absent) return html`<div class="card" role="alert"><p>${this.absent}</p></div>`;
    const { description, chosen, layouts } = this;
    const bare = this.hide.split(/[\s,]+/).includes('controls');
    const specs = description?.specs.filter((spec) => shown(spec, description.specs, chosen)) ?? [];
    const figures = `figures${this.dim || this.crash ? ' dim' : ''}`;
    const lead = layouts.slice(0, 1);
    return html`<div class="exhibit ${bare ? 'bare' : ''}" @setting=${this.set}>
      ${this.renderTop(specs, bare)}
      <div class="main">
        <div class="lead">
          ${crashCard(this.crash, (defaults) => this.restart(defaults))}
          <div class=${figures}>${this.renderFigures(lead)}</div>
        </div>
        ${this.renderTransport()} ${this.renderClaim()}
        <div class="others ${figures}">${this.renderFigures(layouts.slice(1))}</div>
      </div>
      ${bare ? nothing : this.renderControls(specs)}
    </div>`;
  }
}

/** A coordinate with so many digits as a hand has; links stay readable. */
function handy(value: number, [low, high]: [number, number]): number {
  return Number(value.toFixed(Math.max(0, Math.ceil(-Math.log10((high - low) / 5000)))));
}

if (!customElements.get('orrery-exhibit')) customElements.define('orrery-exhibit', OrreryExhibit);

declare global {
  interface HTMLElementTagNameMap {
    'orrery-exhibit': OrreryExhibit;
  }
}
