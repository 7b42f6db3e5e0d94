// The canvas: picture and layers, zoom and pan to the pixel; mouse, pen and fingers become strokes in picture coordinates.

const CLOSEST = 64; // screen pixels to a picture's
const NOTCH = 60; // pixels of scrolling

export class Stage {
  // `turned`, where there is one, is told of slices that the wheel passes, and the wheel zooms only with Ctrl.
  // `pen` has down, move and up(point, event), drop (what this pointer has begun is not meant) and cursor(context, scale); points are
  // {x, y} in picture pixels.
  constructor(element, picture, layers, pen) {
    Object.assign(this, { element, picture, layers, pen, scale: 1, x: 0, y: 0, panning: false, fingers: new Map(), holder: null, fitted: true, rolled: 0 });
    this.canvas = element.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.zoomed = () => {};
    const listen = (name, act, options) => this.canvas.addEventListener(name, act, options);
    listen("pointerdown", (e) => this.#down(e));
    listen("pointermove", (e) => this.#move(e));
    listen("pointerup", (e) => this.#up(e));
    listen("pointercancel", (e) => this.#up(e, true));
    listen("pointerleave", () => { this.hover = null; this.redraw(); });
    listen("contextmenu", (e) => e.preventDefault());
    listen("dblclick", (e) => this.pen.twice(this.point(e)));
    listen("wheel", (e) => this.#wheel(e), { passive: false });
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(element);
  }

  close() {
    this.observer.disconnect();
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left - this.x) / this.scale, y: (event.clientY - box.top - this.y) / this.scale };
  }

  fit() {
    const { clientWidth: w, clientHeight: h } = this.element;
    this.scale = Math.min((w - 40) / this.picture.width, (h - 40) / this.picture.height, CLOSEST);
    this.x = (w - this.picture.width * this.scale) / 2;
    this.y = (h - this.picture.height * this.scale) / 2;
    this.fitted = true;
    this.zoomed(this.scale);
    this.redraw();
  }

  // Zoom so that what is at (px, py) on the screen stays there; the middle without them.
  zoom(factor, px = this.element.clientWidth / 2, py = this.element.clientHeight / 2) {
    const least = Math.min(this.element.clientWidth / this.picture.width, this.element.clientHeight / this.picture.height, 1) / 4;
    const scale = Math.max(least, Math.min(CLOSEST, this.scale * factor));
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.zoomed(scale);
    this.redraw();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.redraw();
  }

  redraw() {
    this.waiting ??= requestAnimationFrame(() => { this.waiting = null; this.#draw(); });
  }

  #draw() {
    const { context: c, canvas, scale } = this, ratio = devicePixelRatio;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.fillStyle = "#151a19";
    c.fillRect(0, 0, canvas.width, canvas.height);
    c.setTransform(scale * ratio, 0, 0, scale * ratio, this.x * ratio, this.y * ratio);
    c.imageSmoothingEnabled = scale * ratio < 2;
    c.imageSmoothingQuality = "high";
    c.drawImage(this.picture.image, 0, 0);
    for (const { canvas: drawn, opacity, visible } of this.layers) {
      if (!visible) continue;
      c.globalAlpha = opacity;
      c.drawImage(drawn, 0, 0);
    }
    c.globalAlpha = 1;
    this.pen.cursor(c, scale, this.panning ? null : this.hover);
  }

  #resize() {
    this.canvas.width = this.element.clientWidth * devicePixelRatio;
    this.canvas.height = this.element.clientHeight * devicePixelRatio;
    if (this.fitted) this.fit();
    this.redraw();
  }

  #wheel(event) {
    event.preventDefault();
    const box = this.canvas.getBoundingClientRect();
    const step = event.deltaY * (event.deltaMode ? 30 : 1) * (event.ctrlKey && !this.turned ? 4 : 1);
    if (this.turned && !event.ctrlKey) return this.#turn(step);
    this.zoom(Math.exp(-step * 0.0018), event.clientX - box.left, event.clientY - box.top);
  }

  // One slice for each notch of a wheel, and for as much of a finger's way on a pad.
  #turn(step) {
    this.rolled = (Math.sign(step) === Math.sign(this.rolled) ? this.rolled : 0) + step;
    const by = Math.trunc(this.rolled / NOTCH);
    this.rolled -= by * NOTCH;
    if (by) this.turned(-Math.sign(by));
  }

  // One pointer at a time draws or drags: the holder. A hand that rests on the screen beside the pen does neither.
  #down(event) {
    const touch = event.pointerType === "touch", held = this.holder !== null && this.canvas.hasPointerCapture(this.holder);
    if (held && !this.fingers.size && this.holder !== event.pointerId) return; // by a pen or a mouse
    this.canvas.setPointerCapture(event.pointerId);
    if (touch) {
      this.fingers.set(event.pointerId, event);
      if (this.fingers.size > 1) return this.#drop(); // two fingers move the picture
    } else if (this.fingers.size) { // the hand was there before its pen
      this.#drop();
      this.fingers.clear();
    }
    this.holder = event.pointerId;
    this.dragging = this.panning || this.pen.pans || event.button === 1;
    if (!this.dragging) this.pen.down(this.point(event), event);
  }

  #drop() {
    if (this.holder !== null && !this.dragging) this.pen.drop();
    this.holder = null;
    this.redraw();
  }

  #move(event) {
    const holds = event.pointerId === this.holder;
    if (this.holder !== null && !holds) return;
    this.hover = event.pointerType === "touch" ? null : this.point(event);
    if (this.fingers.size > 1) {
      if (this.fingers.has(event.pointerId)) this.#pinch(event);
    } else if (holds && this.dragging) {
      this.pan(event.movementX, event.movementY);
    } else if (holds && event.buttons) {
      const between = event.getCoalescedEvents?.() ?? [];
      for (const one of between.length ? between : [event]) this.pen.move(this.point(one), event);
    }
    this.redraw();
  }

  #pinch(event) {
    const middle = () => {
      const [a, b] = [...this.fingers.values()];
      return { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2, far: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) };
    };
    const old = middle();
    this.fingers.set(event.pointerId, event);
    const now = middle(), box = this.canvas.getBoundingClientRect();
    this.pan(now.x - old.x, now.y - old.y);
    if (old.far) this.zoom(now.far / old.far, now.x - box.left, now.y - box.top);
  }

  #up(event, cancelled = false) {
    this.fingers.delete(event.pointerId);
    if (event.pointerId !== this.holder) return;
    if (cancelled) return this.#drop();
    this.holder = null;
    if (!this.dragging) this.pen.up(this.point(event), event);
    this.redraw();
  }
}
