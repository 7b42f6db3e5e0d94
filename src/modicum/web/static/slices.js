// The slices of a volume: fetched with the values that are on disk and coloured here, so that the window follows the hand.

import * as api from "./api.js";
import { h } from "./dom.js";

const MOST_BYTES = 128e6; // of slices in memory

export class Slices {
  // `told` has least, greatest and windows, the usual one first.
  constructor(picture, told) {
    const { width, height, depth } = picture;
    Object.assign(this, { picture, width, height, depth, ...told, z: null, wanted: null, fetched: new Map(), changed: () => {} });
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d", { alpha: false });
    [this.low, this.high] = Object.values(this.windows)[0];
  }

  // Show slice z as soon as it is there, unless another one was asked for or a drawing was begun meanwhile; whether it is shown.
  async show(z, drawing = () => false) {
    z = this.wanted = Math.max(0, Math.min(this.depth - 1, z));
    const values = await this.#values(z).catch((error) => {
      if (this.wanted === z) this.wanted = this.z;
      throw error;
    });
    if (this.wanted !== z) return false;
    if (drawing()) {
      this.wanted = this.z;
      return false;
    }
    Object.assign(this, { z: values.z, values });
    this.#paint();
    for (const near of [z + 1, z - 1]) if (near >= 0 && near < this.depth) this.#values(near).catch(() => {});
    return true;
  }

  setWindow(low, high) {
    const least = (this.greatest - this.least) / 1000 || 1;
    Object.assign(this, { low, high: Math.max(high, low + least) });
    this.#paint();
    this.changed();
  }

  #values(z) {
    const found = this.fetched.get(z) ?? api.slice(this.picture, z).then((values) => Object.assign(values, { z }));
    this.fetched.delete(z);
    this.fetched.set(z, found); // as the last one that was used
    found.catch(() => this.fetched.delete(z));
    if (this.fetched.size > Math.max(4, MOST_BYTES / (4 * this.width * this.height))) this.fetched.delete(this.fetched.keys().next().value);
    return found;
  }

  #paint() {
    const image = new ImageData(this.width, this.height), pixels = new Uint32Array(image.data.buffer);
    const { values, low } = this, scale = 255 / (this.high - low);
    for (let i = 0; i < pixels.length; i++) {
      const grey = Math.max(0, Math.min(255, Math.round((values[i] - low) * scale))) || 0; // what is no number is black
      pixels[i] = (255 << 24) | (grey << 16) | (grey << 8) | grey;
    }
    this.context.putImageData(image, 0, 0);
  }
}

// Below the canvas: where one is in the volume, and which slices are marked.
export function sliceBar(slices, turn) {
  const marks = h("canvas", { className: "marks", width: slices.depth, title: "Slices with a label; above, with a prediction" });
  const range = h("input", { type: "range", min: 0, max: slices.depth - 1, "aria-label": "Slice", oninput: () => turn(Number(range.value)), onpointerup: () => range.blur() });
  const said = h("output", {});
  const step = (by, name, sign) => h("button", { title: name, "aria-label": name, onclick: () => turn(slices.wanted + by) }, sign);
  const element = h("div", { className: "slices" }, step(-1, "Slice below (↓)", "↓"), h("div", {}, marks, range), step(1, "Slice above (↑)", "↑"), said);
  function draw(labelled, predicted, colours) {
    range.value = slices.wanted;
    said.textContent = `${slices.z + 1} of ${slices.depth}`;
    const context = marks.getContext("2d");
    marks.height = 2; // empties it
    for (let z = 0; z < slices.depth; z++) {
      [predicted[z] && colours.predicted, labelled[z] && colours.labelled].forEach((colour, y) => {
        if (!colour) return;
        context.fillStyle = `rgb(${colour})`;
        context.fillRect(z, y, 1, 1);
      });
    }
  }
  return { element, draw };
}
