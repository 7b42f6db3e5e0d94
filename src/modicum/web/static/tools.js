// What a stroke does. Each tool has some of down, move, up, twice, key, cancel, cursor, and drop, where cancel would take
// back more than this pointer has begun; `desk` holds mask, number, blank, radius, stage.

const ERASER_OF_A_PEN = 32;
const erases = (event) => event.button === 2 || event.buttons & 2 || event.buttons & ERASER_OF_A_PEN;

class Brush {
  constructor(desk, rubs) {
    Object.assign(this, { desk, rubs });
  }

  down(point, event) {
    this.last = point;
    this.number = this.rubs || erases(event) ? this.desk.blank : this.desk.number;
    this.desk.mask.begin();
    this.move(point);
  }

  move(point) {
    if (!this.last) return;
    this.desk.mask.stroke(this.last.x, this.last.y, point.x, point.y, this.desk.radius, this.number);
    this.last = point;
  }

  up() {
    this.last = null;
    this.desk.mask.commit();
  }

  cancel() {
    this.last = null;
    this.desk.mask.cancel();
  }

  cursor(context, scale, at) {
    if (at) ring(context, scale, at, Math.max(this.desk.radius, 0.5));
  }
}

class Polygon {
  constructor(desk) {
    Object.assign(this, { desk, points: [] });
  }

  down(point, event) {
    const [first] = this.points;
    if (this.points.length > 2 && Math.hypot(first[0] - point.x, first[1] - point.y) * this.desk.stage.scale < 10) return this.close();
    this.rubs = erases(event);
    this.points.push([point.x, point.y]);
  }

  twice() {
    this.points.pop(); // the second click of the two
    this.close();
  }

  close() {
    if (this.points.length > 2) {
      this.desk.mask.begin();
      this.desk.mask.polygon(this.points, this.rubs ? this.desk.blank : this.desk.number);
      this.desk.mask.commit();
    }
    this.points = [];
  }

  key(key) {
    if (key === "Enter") this.close();
    else if (key === "Backspace") this.points.pop();
    else return false;
    return true;
  }

  cancel() {
    this.points = [];
  }

  drop() {
    this.points.pop();
  }

  cursor(context, scale, at) {
    if (!this.points.length) return;
    const all = at ? [...this.points, [at.x, at.y]] : this.points;
    line(context, scale, all, "#fff");
    for (const [x, y] of this.points) dot(context, scale, x, y);
  }
}

class Fill {
  constructor(desk) {
    this.desk = desk;
  }

  down(point, event) {
    this.at = { x: Math.floor(point.x), y: Math.floor(point.y), rubs: erases(event) };
  }

  up() { // not before it is known that no second finger follows
    if (!this.at) return;
    const { mask, number, blank } = this.desk, { x, y, rubs } = this.at;
    this.at = null;
    if (x < 0 || y < 0 || x >= mask.width || y >= mask.height) return;
    mask.begin();
    mask.flood(x, y, rubs ? blank : number);
    mask.commit();
  }

  cancel() {
    this.at = null;
  }
}

// A box about an object; then scribbles inside it and, with Shift, outside it. The server finds the object each time; L tunes the
// model to this picture before.
class Find {
  constructor(desk) {
    this.desk = desk;
    this.cancel();
  }

  cancel() {
    Object.assign(this, { box: null, corner: null, strokes: [], now: null });
  }

  down(point, event) {
    const { box } = this;
    const within = box && point.x >= box.left && point.x < box.right && point.y >= box.top && point.y < box.bottom;
    if (within) {
      this.now = { points: [[point.x, point.y]], outside: event.shiftKey || Boolean(erases(event)), radius: Math.max(1, this.desk.radius / 2) };
      this.strokes.push(this.now);
    } else {
      this.cancel();
      this.corner = point;
    }
  }

  move(point) {
    if (this.now) this.now.points.push([point.x, point.y]);
    else if (this.corner) this.box = this.#spanned(point);
  }

  async up(point) {
    if (this.corner) {
      this.box = this.#spanned(point);
      this.corner = null;
      if (this.box.right - this.box.left < 4 || this.box.bottom - this.box.top < 4) return this.cancel();
      this.base = this.desk.mask.cut(this.box);
      this.number = this.desk.number;
    }
    this.now = null;
    if (this.box) await this.#ask();
  }

  #spanned(point) {
    const { corner: c } = this;
    return this.desk.mask.clipped(Math.min(c.y, point.y), Math.min(c.x, point.x), Math.max(c.y, point.y), Math.max(c.x, point.x));
  }

  async #ask(learn = false) {
    const { box, base, number, desk } = this, seeds = desk.seeds(box, this.strokes);
    const mine = (this.asked = {});
    const found = await desk.refine(box, seeds, number, learn);
    if (!found || this.box !== box || this.asked !== mine) return; // meanwhile there is another box, or a scribble more
    desk.mask.begin();
    desk.mask.paste(box, base.map((old, i) => (found[i] ? number : old === number ? desk.blank : old)));
    desk.mask.commit();
    desk.stage.redraw();
  }

  key(key) {
    if (key === "Enter") this.cancel();
    else if (key === "l" && this.box) this.#ask(true);
    else return false;
    return true;
  }

  cursor(context, scale) {
    if (!this.box) return;
    const { top, left, bottom, right } = this.box;
    line(context, scale, [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], "#fff");
    for (const { points, outside, radius } of this.strokes) line(context, scale, points, outside ? "#ff8a6b" : "#7df0cd", Math.max(2, radius * scale));
  }
}

// The window of a volume: to the right wider, upwards brighter.
class Window {
  looks = true;

  constructor(desk) {
    this.slices = desk.slices;
  }

  down(point, event) {
    const { low, high } = this.slices;
    this.from = { x: event.clientX, y: event.clientY, level: (low + high) / 2, width: high - low };
  }

  move(point, event) {
    if (!this.from) return;
    const { x, y, level, width } = this.from;
    const wide = width * Math.exp((event.clientX - x) / 200), middle = level + ((event.clientY - y) / 300) * width;
    this.slices.setWindow(middle - wide / 2, middle + wide / 2);
  }

  up() {
    this.from = null;
  }
}

class Hand {
  pans = true;
  looks = true;
}

export const TOOLS = {
  brush: { key: "b", name: "Brush", make: (desk) => new Brush(desk, false), hint: "Draw. Right button or the pen's other end erases. [ and ] change the size." },
  eraser: { key: "e", name: "Eraser", make: (desk) => new Brush(desk, true), hint: "Erase. [ and ] change the size." },
  polygon: { key: "p", name: "Polygon", make: (desk) => new Polygon(desk), hint: "Click from corner to corner; Enter or a double click closes. Backspace takes one back." },
  fill: { key: "f", name: "Fill", make: (desk) => new Fill(desk), hint: "Click into a closed outline or a hole to fill it; right button empties." },
  find: { key: "o", name: "Find object", make: (desk) => new Find(desk), hint: "Drag a box about one object. Then scribble on what belongs to it, with Shift on what does not. L: the model learns from this first." },
  window: { key: "w", name: "Window", make: (desk) => new Window(desk), hint: "Drag to the right for a wider window, upwards for a brighter picture.", volumes: true },
  hand: { key: "h", name: "Move", make: () => new Hand(), hint: "Drag the picture. With any tool: hold Space, or use the wheel to zoom." },
};

// Those that a picture or a volume has: [name, tool].
export const toolsFor = (desk) => Object.entries(TOOLS).filter(([, tool]) => desk.slices || !tool.volumes);

function line(context, scale, points, colour, width = 1.5) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.lineWidth = (width + 1.5) / scale;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width / scale;
  context.stroke();
}

function ring(context, scale, { x, y }, radius) {
  for (const [colour, width] of [["rgb(0 0 0 / 60%)", 3], ["#fff", 1.3]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = width / scale;
    context.stroke();
  }
}

function dot(context, scale, x, y) {
  context.beginPath();
  context.arc(x, y, 3.5 / scale, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.fill();
}
