// A mask as coloured pixels on a canvas of the picture's size: filled, or its contour alone. Only what changed is drawn anew.
// Where pixels may be unmarked, these are clear and the background is a pale tint with a rim; else the background is clear.

// Okabe and Ito (2008): colour-blind people can tell them apart. The same as in reports.
export const COLOURS = [[0, 158, 115], [230, 159, 0], [86, 180, 233], [204, 121, 167], [240, 228, 66], [0, 114, 178], [213, 94, 0]];
const GROUND = [200, 208, 214], PALE = 90; // opacity within the rim, of 255
export const colour = (number) => COLOURS[(number - 1) % COLOURS.length];

export class Layer {
  constructor(width, height, colourOf) {
    Object.assign(this, { width, height, colourOf, contour: false, thickness: 1, clear: 0 });
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d");
  }

  draw(numbers, box = { top: 0, left: 0, bottom: this.height, right: this.width }) {
    const { width, height } = this, far = this.contour || this.clear ? this.thickness : 0;
    const top = Math.max(0, box.top - far), left = Math.max(0, box.left - far);
    const bottom = Math.min(height, box.bottom + far), right = Math.min(width, box.right + far);
    if (bottom <= top || right <= left) return;
    const image = new ImageData(right - left, bottom - top);
    const pixels = new Uint32Array(image.data.buffer);
    const packed = [0, ...Array.from({ length: 255 }, (_, i) => pack(this.colourOf(i + 1)))];
    const [rim, pale] = [pack(GROUND), pack([...GROUND, PALE])];
    for (let y = top, to = 0; y < bottom; y++) {
      for (let x = left; x < right; x++, to++) {
        const at = y * width + x, number = numbers[at];
        if (number === this.clear) continue;
        const inner = (this.contour || !number) && this.#inner(numbers, at, x, y, number, far);
        if (!(this.contour && inner)) pixels[to] = number ? packed[number] : inner ? pale : rim;
      }
    }
    this.context.putImageData(image, left, top);
  }

  #inner(numbers, at, x, y, number, far) {
    const { width, height } = this;
    return (x < far || numbers[at - far] === number) && (x + far >= width || numbers[at + far] === number)
      && (y < far || numbers[at - far * width] === number) && (y + far >= height || numbers[at + far * width] === number);
  }
}

const pack = ([r, g, b, alpha = 255]) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
