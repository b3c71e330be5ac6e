import { legendKey } from './legend';
import { number, type Scene } from './mark';
import type { Plane } from './plane';
import type { DragDetail, Mark } from './types';

/** Pixels a handle moves by an arrow key, and with shift. */
const STEP = 2;
const STRIDE = 16;

/** A dot that a hand can move. */
export interface Handle {
  button: HTMLButtonElement;
  control: string;
  index: number;
  x: number;
  y: number;
}

/** The handles over all dots that are points of a control: real buttons, so that they take the hand before zoom does. */
export class Handles {
  private readonly handles: Handle[] = [];
  private plane: Plane | undefined;
  /** The handle in hand, where the pointer holds it. */
  private held: Handle | undefined;
  private awaited = 0;

  constructor(
    private readonly stage: HTMLElement,
    private readonly fire: (detail: DragDetail) => void,
  ) {}

  /** Puts the handles where the dots are. */
  place(scene: Scene | undefined, marks: readonly Mark[]): void {
    if (!scene) return;
    this.plane = scene.plane;
    let used = 0;
    for (const mark of marks) {
      const { drags } = mark;
      if (drags === undefined || mark.mark !== 'dot') continue;
      const name = legendKey(mark, []) ?? drags;
      for (let i = 0; i < mark.x.len; i++) {
        const [vx, vy] = [number(scene.data, mark.x, i), number(scene.data, mark.y, i)];
        const [px, py] = [scene.plane.px(vx, vy), scene.plane.py(vx, vy)];
        const handle = this.handles[used] ?? this.add();
        used++;
        handle.control = drags;
        handle.index = i;
        const visible = scene.plane.holds(px, py, 2);
        if (handle.button.hidden === visible) handle.button.hidden = !visible;
        const label = `${name}, point ${i + 1} of ${mark.x.len} at ${scene.read('x', vx)}, ${scene.read('y', vy)}`;
        if (handle.button.getAttribute('aria-label') !== label)
          handle.button.setAttribute('aria-label', label);
        // One stop of the tab key a control; page up and down go through its points.
        const first = i === 0 || handle.button === this.focused();
        if (handle.button.tabIndex !== (first ? 0 : -1)) handle.button.tabIndex = first ? 0 : -1;
        if (handle !== this.held) this.move(handle, px, py);
      }
    }
    for (const { button } of this.handles.splice(used)) button.remove();
  }

  private focused(): Element | null {
    return (this.stage.getRootNode() as ShadowRoot | Document).activeElement;
  }

  private move(handle: Handle, x: number, y: number): void {
    if (handle.x === x && handle.y === y) return;
    handle.x = x;
    handle.y = y;
    handle.button.style.transform = `translate(${x}px, ${y}px)`;
  }

  private add(): Handle {
    const button = document.createElement('button');
    button.className = 'handle';
    button.setAttribute('aria-roledescription', 'movable point');
    const handle: Handle = { button, control: '', index: 0, x: Number.NaN, y: Number.NaN };
    let grip: [number, number] = [0, 0];
    button.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.held = handle;
      grip = [handle.x - event.clientX, handle.y - event.clientY];
      event.stopPropagation();
    });
    button.addEventListener('pointermove', (event) => {
      if (this.held !== handle) return;
      event.stopPropagation();
      this.carry(handle, event.clientX + grip[0], event.clientY + grip[1]);
      // The newest place of each frame is enough.
      if (this.awaited === 0) {
        this.awaited = requestAnimationFrame(() => {
          this.awaited = 0;
          if (this.held === handle) this.say(handle, false);
        });
      }
    });
    const drop = () => {
      if (this.held !== handle) return;
      this.held = undefined;
      this.say(handle, true);
    };
    button.addEventListener('pointerup', drop);
    button.addEventListener('pointercancel', drop);
    button.addEventListener('keydown', (event) => this.key(handle, event));
    button.addEventListener('keyup', (event) => {
      if (event.key.startsWith('Arrow')) drop();
    });
    button.addEventListener('blur', drop);
    this.handles.push(handle);
    this.stage.append(button);
    return handle;
  }

  private key(handle: Handle, event: KeyboardEvent): void {
    const by = event.shiftKey ? STRIDE : STEP;
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-by, 0],
      ArrowRight: [by, 0],
      ArrowUp: [0, -by],
      ArrowDown: [0, by],
    };
    const step = steps[event.key];
    if (step) {
      this.held = handle;
      this.carry(handle, handle.x + step[0], handle.y + step[1]);
      this.say(handle, false);
    } else if (event.key === 'PageDown' || event.key === 'PageUp') {
      const same = this.handles.filter(({ control }) => control === handle.control);
      const next = same.indexOf(handle) + (event.key === 'PageDown' ? 1 : same.length - 1);
      same[next % same.length].button.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Moves a handle within the data area. */
  private carry(handle: Handle, x: number, y: number): void {
    if (this.plane) this.move(handle, ...this.plane.clamp(x, y));
  }

  private say(handle: Handle, done: boolean): void {
    const { plane } = this;
    if (!plane) return;
    const [x, y] = plane.invert(handle.x, handle.y);
    const [right, below] = [plane.invert(handle.x + 1, handle.y), plane.invert(handle.x, handle.y + 1)];
    const detail = { control: handle.control, index: handle.index, done };
    this.fire({ ...detail, x: rounded(x, right[0] - x), y: rounded(y, below[1] - y) });
  }
}

/** A number to the digits that a pixel can tell apart, so that links stay short. */
export function rounded(value: number, pixel: number): number {
  const size = Math.abs(pixel);
  if (!(size > 0) || !Number.isFinite(value)) return value;
  const decimals = Math.min(12, Math.max(0, Math.ceil(-Math.log10(size))));
  return Number(value.toFixed(decimals));
}
