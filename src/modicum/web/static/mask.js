// A mask of class numbers, one byte a pixel (UNMARKED: the label says nothing of it), with its history. A box is {top, left, bottom, right}, the last two exclusive.

export const UNMARKED = 255;
const MOST_BYTES = 256e6; // of history

export class Mask {
  constructor(width, height, numbers) {
    Object.assign(this, { width, height, numbers, past: [], future: [] });
    this.changed = () => {}; // told the box of every change
    this.base = null; // the last change that cannot be taken back: the history has room for so much
    this.saved = null; // the last change that is on disk
  }

  get latest() {
    return this.past.at(-1) ?? this.base;
  }

  get dirty() {
    return this.latest !== this.saved;
  }

  markSaved(step = this.latest) {
    this.saved = step;
  }

  // What `paint` and its like do between begin and commit is one step of the history.
  begin() {
    this.before = this.numbers.slice();
    this.touched = null;
  }

  commit() {
    const { before, touched } = this;
    this.before = this.touched = null;
    if (!before || !touched) return;
    const step = { box: touched, before: cut(before, this.width, touched), after: cut(this.numbers, this.width, touched) };
    if (step.before.every((value, i) => value === step.after[i])) return;
    this.past.push(step);
    this.future = [];
    let bytes = 0;
    const kept = this.past.findLastIndex((s) => (bytes += 2 * s.before.length) > MOST_BYTES);
    this.base = this.past.splice(0, kept + 1).at(-1) ?? this.base;
    this.changed(touched); // the history has changed as well
  }

  cancel() {
    if (this.before && this.touched) this.paste(this.touched, cut(this.before, this.width, this.touched));
    this.before = this.touched = null;
  }

  undo() {
    const step = this.past.pop();
    if (!step) return;
    this.future.push(step);
    this.paste(step.box, step.before);
  }

  redo() {
    const step = this.future.pop();
    if (!step) return;
    this.past.push(step);
    this.paste(step.box, step.after);
  }

  cut(box) {
    return cut(this.numbers, this.width, box);
  }

  paste({ top, left, bottom, right }, values) {
    const wide = right - left;
    for (let y = top; y < bottom; y++) this.numbers.set(values.subarray((y - top) * wide, (y - top + 1) * wide), y * this.width + left);
    this.touch({ top, left, bottom, right });
  }

  replace(numbers) {
    this.begin();
    this.paste({ top: 0, left: 0, bottom: this.height, right: this.width }, numbers);
    this.commit();
  }

  // A stroke of a round brush from (x0, y0) to (x1, y1): all pixels whose centre is within the radius.
  stroke(x0, y0, x1, y1, radius, number) {
    const box = this.clipped(Math.min(y0, y1) - radius, Math.min(x0, x1) - radius, Math.max(y0, y1) + radius + 1, Math.max(x0, x1) + radius + 1);
    const dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy || 1, reach = Math.max(radius, 0.5) ** 2;
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        const px = x + 0.5 - x0, py = y + 0.5 - y0;
        const t = Math.max(0, Math.min(1, (px * dx + py * dy) / length));
        if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= reach) this.numbers[y * this.width + x] = number;
      }
    }
    this.touch(box);
  }

  // The inside of a polygon [[x, y], ...], by the even-odd rule at pixel centres.
  polygon(points, number) {
    const ys = points.map((p) => p[1]), xs = points.map((p) => p[0]);
    const box = this.clipped(Math.min(...ys), Math.min(...xs), Math.max(...ys) + 1, Math.max(...xs) + 1);
    for (let y = box.top; y < box.bottom; y++) {
      const crossings = [];
      points.forEach(([x1, y1], i) => {
        const [x0, y0] = points.at(i - 1);
        if (y0 > y + 0.5 !== y1 > y + 0.5) crossings.push(x0 + ((y + 0.5 - y0) / (y1 - y0)) * (x1 - x0));
      });
      crossings.sort((a, b) => a - b);
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        const from = Math.max(box.left, Math.ceil(crossings[i] - 0.5)), to = Math.min(box.right, Math.ceil(crossings[i + 1] - 0.5));
        if (to > from) this.numbers.fill(number, y * this.width + from, y * this.width + to);
      }
    }
    this.touch(box);
  }

  // All pixels of one class that hang together with (x, y) get another: holes are filled, objects change class or vanish.
  flood(x, y, number) {
    const { width, height, numbers } = this;
    const old = numbers[y * width + x];
    if (old === number) return;
    const box = { top: y, left: x, bottom: y + 1, right: x + 1 };
    const waiting = [[x, y]];
    while (waiting.length) {
      const [sx, sy] = waiting.pop();
      const row = sy * width;
      if (numbers[row + sx] !== old) continue;
      let left = sx, right = sx + 1;
      while (left > 0 && numbers[row + left - 1] === old) left--;
      while (right < width && numbers[row + right] === old) right++;
      numbers.fill(number, row + left, row + right);
      Object.assign(box, { top: Math.min(box.top, sy), bottom: Math.max(box.bottom, sy + 1), left: Math.min(box.left, left), right: Math.max(box.right, right) });
      for (const ny of [sy - 1, sy + 1]) {
        if (ny < 0 || ny >= height) continue;
        for (let nx = left; nx < right; nx++) {
          const at = ny * width + nx;
          if (numbers[at] === old && (nx === left || numbers[at - 1] !== old)) waiting.push([nx, ny]);
        }
      }
    }
    this.touch(box);
  }

  clipped(top, left, bottom, right) {
    const within = (value, most) => Math.max(0, Math.min(most, value));
    return {
      top: within(Math.floor(top), this.height), left: within(Math.floor(left), this.width),
      bottom: within(Math.ceil(bottom), this.height), right: within(Math.ceil(right), this.width),
    };
  }

  touch(box) {
    if (box.bottom <= box.top || box.right <= box.left) return;
    const t = this.touched;
    this.touched = t && this.before
      ? { top: Math.min(t.top, box.top), left: Math.min(t.left, box.left), bottom: Math.max(t.bottom, box.bottom), right: Math.max(t.right, box.right) }
      : { ...box };
    this.changed(box);
  }
}

function cut(numbers, width, { top, left, bottom, right }) {
  const wide = right - left, values = new Uint8Array(wide * (bottom - top));
  for (let y = top; y < bottom; y++) values.set(numbers.subarray(y * width + left, y * width + right), (y - top) * wide);
  return values;
}
