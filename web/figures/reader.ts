import { legendKey } from './legend';
import type { Spot } from './mark';
import { kindOf } from './marks';
import type { Picture } from './picture';
import type { Mark } from './types';

/** Farther than this from the pointer, in CSS pixels, nothing is read. */
const REACH = 48;
const GAP = 14;

/** Which spot is read: the nearest to the pointer, or the one the keyboard stands on. */
type Place = { by: 'pointer'; x: number; y: number } | { by: 'keys'; mark: number; index: number };

/** The read-out: the values of a spot beside it, a cross through it. */
export class Reader {
  private readonly box = document.createElement('div');
  private readonly spoken = document.createElement('div');
  private place: Place | undefined;
  private drawn = false;

  constructor(
    private readonly stage: HTMLElement,
    private readonly over: HTMLCanvasElement,
    private readonly picture: Picture,
  ) {
    this.box.className = 'readout';
    this.box.hidden = true;
    this.spoken.className = 'spoken';
    this.spoken.setAttribute('aria-live', 'polite');
    stage.append(this.box, this.spoken);
    const point = (event: PointerEvent) => {
      const rect = stage.getBoundingClientRect();
      this.place = { by: 'pointer', x: event.clientX - rect.left, y: event.clientY - rect.top };
      this.refresh();
    };
    stage.addEventListener('pointermove', (event) => {
      if (event.buttons === 0 || event.pointerType !== 'mouse') point(event);
    });
    stage.addEventListener('pointerdown', point);
    stage.addEventListener('pointerleave', (event) => {
      if (event.pointerType === 'mouse') this.hide();
    });
    stage.addEventListener('focusout', () => this.hide());
  }

  hide(): void {
    this.place = undefined;
    this.refresh();
  }

  /** Moves by a key; whether it was one of the read-out's. */
  key(event: KeyboardEvent): boolean {
    const marks = this.picture.shown;
    const readable = marks
      .map((mark, i) => ((kindOf(mark)?.count(mark) ?? 0) > 0 ? i : -1))
      .filter((i) => i >= 0);
    if (readable.length === 0) return false;
    const now = this.place?.by === 'keys' ? this.place : undefined;
    let mark = now && readable.includes(now.mark) ? now.mark : readable[readable.length - 1];
    let count = kindOf(marks[mark])?.count(marks[mark]) ?? 0;
    let index = now ? Math.min(now.index, count - 1) : 0;
    const stride = event.shiftKey ? 10 : 1;
    const at = readable.indexOf(mark);
    switch (event.key) {
      case 'ArrowRight':
        index += now ? stride : 0;
        break;
      case 'ArrowLeft':
        index = now ? index - stride : count - 1;
        break;
      case 'ArrowUp':
        mark = readable[(at + 1) % readable.length];
        break;
      case 'ArrowDown':
        mark = readable[(at - 1 + readable.length) % readable.length];
        break;
      case 'Home':
        index = 0;
        break;
      case 'End':
        index = Number.POSITIVE_INFINITY;
        break;
      case 'Escape':
        if (!this.place) return false;
        this.hide();
        return true;
      default:
        return false;
    }
    count = kindOf(marks[mark])?.count(marks[mark]) ?? 0;
    this.place = { by: 'keys', mark, index: Math.min(count - 1, Math.max(0, index)) };
    const spot = this.refresh();
    this.spoken.textContent = spot
      ? spot.entries.map(([name, value]) => `${name} ${value}`.trim()).join(', ')
      : '';
    return true;
  }

  /** Reads again, as after a new frame. */
  refresh(): Spot | undefined {
    const found = this.find();
    if (!found && !this.drawn) return undefined;
    const pen = this.over.getContext('2d');
    if (!pen) return undefined;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.over.width, this.over.height);
    this.drawn = !!found;
    this.box.hidden = !found;
    if (!found) return undefined;
    this.cross(pen, found.mark, found.spot);
    this.write(found.mark, found.spot);
    return found.spot;
  }

  private find(): { mark: Mark; spot: Spot } | undefined {
    const { place } = this;
    const { scene, shown } = this.picture;
    if (!place || !scene) return undefined;
    if (place.by === 'keys') {
      const mark = shown[place.mark];
      const spot = mark && kindOf(mark)?.spot(mark, scene, place.index);
      return spot && { mark, spot };
    }
    if (!scene.plane.holds(place.x, place.y, GAP)) return undefined;
    let best: { mark: Mark; index: number; distance: number } | undefined;
    for (const mark of shown) {
      const near = kindOf(mark)?.nearest(mark, scene, place.x, place.y);
      // Of two as near, the one in front.
      if (near && near.distance <= (best?.distance ?? REACH)) best = { mark, ...near };
    }
    const spot = best && kindOf(best.mark)?.spot(best.mark, scene, best.index);
    return best && spot && { mark: best.mark, spot };
  }

  private cross(pen: CanvasRenderingContext2D, mark: Mark, { x, y }: Spot): void {
    const { scene } = this.picture;
    if (!scene) return;
    const { box, simplex } = scene.plane;
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.strokeStyle = scene.theme.muted;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.6;
    if (!simplex && scene.plane.holds(x, y)) {
      pen.beginPath();
      pen.moveTo(Math.round(x) + 0.5, box.top);
      pen.lineTo(Math.round(x) + 0.5, box.top + box.height);
      pen.moveTo(box.left, Math.round(y) + 0.5);
      pen.lineTo(box.left + box.width, Math.round(y) + 0.5);
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.beginPath();
    pen.arc(x, y, 5, 0, 2 * Math.PI);
    pen.fillStyle = scene.theme.paper;
    pen.fill();
    pen.strokeStyle = scene.color(mark);
    pen.lineWidth = 2;
    pen.stroke();
  }

  private write(mark: Mark, spot: Spot): void {
    const name = legendKey(mark, this.picture.contenders);
    const rows: HTMLElement[] = [];
    if (name) {
      const heading = document.createElement('strong');
      heading.textContent = name;
      rows.push(heading);
    }
    for (const [label, value] of spot.entries) {
      const row = document.createElement('div');
      for (const words of [label, value]) {
        const part = document.createElement('span');
        part.textContent = words;
        row.append(part);
      }
      rows.push(row);
    }
    this.box.replaceChildren(...rows);
    // Beside the spot, above it where there is room, and never on it.
    const [width, height] = [this.box.offsetWidth, this.box.offsetHeight];
    const [w, h] = [this.stage.clientWidth, this.stage.clientHeight];
    const right = spot.x + GAP + width <= w;
    const left = right ? spot.x + GAP : Math.max(0, spot.x - GAP - width);
    const above = spot.y - GAP - height >= 0;
    const top = above ? spot.y - GAP - height : Math.min(spot.y + GAP, h - height);
    this.box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
}
