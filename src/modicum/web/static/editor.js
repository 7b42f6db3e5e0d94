// One picture, or one volume slice by slice: look, draw, accept or correct a prediction, save; never over what somebody else has saved.

import * as api from "./api.js";
import { fill, h, line, notice } from "./dom.js";
import { keyboard } from "./keys.js";
import { colour, Layer } from "./layer.js";
import { Mask, UNMARKED } from "./mask.js";
import { showSide } from "./side.js";
import { sliceBar, Slices } from "./slices.js";
import { Stage } from "./stage.js";
import { TOOLS } from "./tools.js";
import { toolbar } from "./toolbar.js";

const PREDICTED = [255, 214, 120]; // beside a label, the prediction is a line of this colour

export async function showEditor(main, data, id) {
  const picture = data.pictures.find((p) => p.id === id);
  if (!picture) throw new Error(`There is no picture called ${id} here.`);
  Object.assign(picture, { author: "", ...(await api.picture(id)) }); // as it is now
  if (picture.problem) throw new Error(picture.problem);
  const { width, height, depth } = picture;
  const [shown, label] = await Promise.all([depth ? api.windows(id) : decoded(api.image(picture)), api.label(id)]);
  const slices = depth ? new Slices(picture, shown) : null;
  const ofSlice = (numbers, z) => numbers.subarray(z * width * height, (z + 1) * width * height);
  const desk = { picture, data, slices, width, height, number: 1, radius: Math.max(2, Math.round(Math.max(width, height) / 60)), tag: label.tag };
  const origin = () => (["accepted", "corrected"].includes(picture.origin) ? "corrected" : "drawn");
  desk.origin = origin();
  desk.numbers = label.numbers; // of all slices; a mask is a view of one of them
  desk.masks = Array.from({ length: depth ?? 1 }, (_, z) => new Mask(width, height, ofSlice(desk.numbers, z)));
  Object.defineProperty(desk, "blank", { get: () => (data.partly ? UNMARKED : 0) }); // what is left where the eraser was
  const marked = (mask) => (mask.marked ??= mask.numbers.some((number) => number !== desk.blank));
  await slices?.show(middle(desk.masks.map(marked)));
  desk.mask = desk.masks[slices?.z ?? 0];
  Object.defineProperty(desk, "dirty", { get: () => desk.masks.some((mask) => mask.dirty) });
  desk.layer = Object.assign(new Layer(width, height, colour), { opacity: 0.45, visible: true, clear: desk.blank });
  desk.predicted = Object.assign(new Layer(width, height, (n) => (desk.alone() ? colour(n) : PREDICTED)), { opacity: 0.9, visible: false });
  desk.alone = () => picture.state === "predicted" && !desk.masks.some((mask) => mask.latest); // nothing is drawn: the prediction is all there is

  const stageBox = h("div", { className: "stage" }, h("canvas", { tabIndex: 0, "aria-label": `Canvas of ${id}` }), h("div", { className: "hint" }));
  const headline = h("div", { className: "headline" }), tools = h("div", { className: "tools" }), side = h("div", { className: "side" });
  const bar = slices && sliceBar(slices, (z) => desk.turn(z));
  const pen = new Proxy({}, { get: (_, name) => (...given) => desk.tool[name]?.(...given) });
  let taken = false; // the prediction, by the pointer that is down
  const router = { get pans() { return desk.tool.pans; }, twice: pen.twice, move: pen.move, up: pen.up, cursor: pen.cursor,
    drop: () => {
      desk.tool.drop ? pen.drop() : pen.cancel();
      if (taken) giveBack();
    },
    down: (point, event) => {
      if (picture.locked && !desk.tool.looks) return notice(picture.locked);
      taken = !desk.tool.looks && desk.alone() && desk.predicted.visible;
      if (taken) takeOver(); // who draws on a prediction corrects it
      pen.down(point, event);
    } };
  fill(main, h("div", { className: "editor" }, headline, tools, stageBox, bar?.element, side));
  const stage = (desk.stage = new Stage(stageBox, { width, height, image: slices?.canvas ?? shown }, [desk.layer, desk.predicted], router));

  desk.redraw = (layer = desk.layer, numbers = desk.mask.numbers) => { layer.draw(numbers); stage.redraw(); };
  for (const mask of desk.masks) {
    mask.changed = (box) => {
      mask.marked = undefined;
      if (mask === desk.mask) desk.layer.draw(mask.numbers, box);
      stage.redraw();
      later();
    };
  }
  if (slices) {
    slices.changed = () => { stage.redraw(); later(); };
    stage.turned = (by) => desk.turn(slices.wanted + by);
    const drawing = () => desk.mask.before || desk.tool.points?.length; // in the middle of a stroke or of a polygon
    desk.turn = async (z) => {
      if (drawing()) return draw();
      const there = slices.show(z, drawing);
      draw();
      if (!(await there.catch((error) => notice(error.message, { bad: true })))) return draw();
      desk.tool.cancel?.();
      desk.mask = desk.masks[slices.z];
      desk.redraw();
      if (desk.predicted.visible) desk.redraw(desk.predicted, desk.seen());
      draw();
    };
  }
  stage.zoomed = (scale) => { // contours stay as wide on the screen
    const thickness = Math.max(1, Math.round(2 / scale));
    for (const layer of [desk.layer, desk.predicted]) {
      if (layer.thickness === thickness) continue;
      layer.thickness = thickness;
      if (layer.contour || layer.clear) desk.redraw(layer, layer === desk.layer ? desk.mask.numbers : desk.seen());
    }
  };
  desk.choose = (name) => {
    desk.tool?.cancel?.();
    Object.assign(desk, { toolName: name, tool: TOOLS[name].make(desk) });
    stageBox.querySelector(".hint").textContent = picture.locked || TOOLS[name].hint;
    stageBox.querySelector("canvas").style.cursor = name === "hand" ? "grab" : ["brush", "eraser"].includes(name) ? "none" : name === "window" ? "move" : "crosshair";
    draw();
  };
  desk.seeds = seedsOf;
  desk.refine = async (box, seeds, number, learn) => {
    if (learn) notice("The model learns from this picture ...");
    const found = await api.refine(id, box, seeds, number, { learn, ...(slices && { z: slices.z, low: slices.low, high: slices.high }) }).catch((error) => notice(error.message, { bad: true }));
    if (found && !found.includes(1)) notice("Nothing stands out in this box. Scribble on what belongs to the object.");
    return found;
  };
  desk.seen = () => desk.prediction && ofSlice(desk.prediction, slices?.z ?? 0);
  desk.showPrediction = async (visible) => {
    desk.prediction ??= visible ? await api.prediction(id).catch((error) => notice(error.message, { bad: true })) : null;
    desk.foretold ??= desk.prediction && desk.masks.map((_, z) => ofSlice(desk.prediction, z).some(Boolean));
    if (desk.prediction && visible) {
      Object.assign(desk.predicted, { visible: true, contour: !desk.alone(), opacity: desk.alone() ? desk.layer.opacity : 0.95 });
      desk.redraw(desk.predicted, desk.seen());
    } else {
      desk.predicted.visible = false;
      stage.redraw();
    }
    draw();
  };
  desk.correct = async () => {
    await desk.showPrediction(true);
    if (!desk.prediction) return;
    takeOver();
    desk.choose("brush");
  };
  desk.empty = () => !desk.masks.some((mask) => mask.latest || mask.future.length);
  desk.begin = (partly) => { // a drawing in which nothing is marked yet: in part, or in full
    Object.assign(data, { partly });
    desk.numbers.fill(desk.blank);
    desk.layer.clear = desk.blank;
    if (!partly) desk.number ||= 1;
    for (const mask of desk.masks) mask.marked = undefined;
    desk.redraw();
    draw();
  };
  desk.accept = async () => {
    await desk.showPrediction(true);
    if (!desk.prediction) return;
    replace(desk.prediction);
    desk.origin = "accepted";
    await desk.showPrediction(false);
    if (!(await desk.save(true)) || !open) return;
    const waiting = data.pictures.find((p) => p.state === "predicted");
    location.hash = waiting ? `#/picture/${encodeURIComponent(waiting.id)}` : "#/";
  };
  desk.savable = () => !picture.locked && (desk.dirty || picture.state === "unlabelled");
  desk.acceptable = () => picture.state === "predicted" && !desk.dirty && !picture.locked;
  let saving = Promise.resolve();
  desk.save = (asFound = false) => (saving = saving.then(() => save(asFound))); // one after the other; `asFound`: even if nothing is drawn

  async function save(asFound) {
    if (picture.locked || !(asFound || desk.savable())) return false;
    const author = localStorage.getItem("modicum-author") ?? "", drawn = desk.masks.map((mask) => mask.latest);
    if (desk.origin === "accepted" && !asPredicted()) desk.origin = "corrected"; // an Accept could not be saved, and somebody has drawn since
    try {
      const { tag, ...told } = await api.saveLabel(id, desk.numbers, desk.tag, desk.origin, author, data.partly);
      Object.assign(picture, told);
      desk.tag = tag;
    } catch (error) {
      if (error.status === 412 && open) conflict(error);
      else tell(error.message);
      return false;
    }
    desk.masks.forEach((mask, z) => mask.markSaved(drawn[z])); // more may have been drawn meanwhile
    if (desk.origin === "accepted") desk.origin = "corrected"; // whatever is changed from now on
    asked?.remove();
    notice("Saved.");
    draw();
    return true;
  }

  const replace = (numbers) => desk.masks.forEach((mask, z) => mask.replace(ofSlice(numbers, z)));
  const asPredicted = () => desk.numbers.every((number, i) => number === desk.prediction[i]);
  const markSaved = () => desk.masks.forEach((mask) => mask.markSaved());

  function takeOver() {
    replace(desk.prediction);
    desk.origin = "corrected";
    desk.showPrediction(false);
  }

  function giveBack() { // it was to be looked at with two fingers
    for (const mask of desk.masks) {
      mask.undo();
      mask.future = [];
    }
    desk.origin = origin();
    desk.showPrediction(true);
  }

  let open = true, asked = null; // whether this picture is still shown, and what is asked about it at the foot of the page
  function tell(text, { bad = true, actions = {} } = {}) {
    asked?.remove();
    asked = line(`${id}: ${text}`, { bad, actions });
  }

  function conflict(error) {
    const settle = (act) => async () => {
      try {
        const theirs = await api.label(id);
        Object.assign(picture, { author: "", ...(await api.picture(id)) });
        desk.tag = theirs.tag;
        act(theirs.numbers);
      } catch (problem) {
        tell(problem.message);
      }
    };
    tell(error.message, { actions: {
      "Show theirs": settle((numbers) => {
        if (!["labelled", "accepted"].includes(picture.state)) return tell("The server finds no label of this picture; yours is not saved yet.");
        replace(numbers);
        markSaved();
        desk.origin = origin();
        desk.showPrediction(desk.predicted.visible);
      }),
      "Keep mine": settle((numbers) => {
        desk.masks.forEach((mask, z) => { // slices that only they have changed are theirs
          if (!slices || mask.dirty || desk.origin === "accepted") return;
          mask.replace(ofSlice(numbers, z));
          mask.markSaved();
        });
        desk.save(true);
      }),
    } });
  }

  const names = data.pictures.filter((p) => !p.problem).map((p) => p.id);
  const step = (by) => {
    const to = names[names.indexOf(id) + by];
    if (to) location.hash = `#/picture/${encodeURIComponent(to)}`;
  };
  let planned = null; // buttons follow the history, once for each frame
  const later = () => { planned ??= requestAnimationFrame(() => { planned = null; draw(); }); };
  function draw() {
    const state = desk.dirty ? "not saved" : picture.state;
    const predicted = desk.acceptable();
    fill(headline, 
      h("a", { className: "button", href: "#/" }, "All pictures"),
      h("div", { className: "title" }, h("span", {}, id), h("span", { className: `state ${picture.state}` }, state),
        picture.author && h("span", { className: "small soft" }, `${picture.author}, ${picture.time.slice(0, 16).replace("T", " ")}`)),
      h("button", { title: "Previous picture (←)", "aria-label": "Previous picture", onclick: () => step(-1), disabled: names[0] === id }, "←"),
      h("button", { title: "Next picture (→)", "aria-label": "Next picture", onclick: () => step(1), disabled: names.at(-1) === id }, "→"),
      predicted && h("button", { onclick: desk.correct, title: "The prediction becomes the label that you change" }, "Correct"),
      predicted && h("button", { className: "main", onclick: desk.accept, disabled: !desk.prediction, title: "Save the prediction as it is (A)" }, "Accept"),
      !predicted && h("button", { className: "main", onclick: () => desk.save(), disabled: !desk.savable(), title: "Save (S)" }, "Save"));
    fill(tools, ...toolbar(desk));
    showSide(side, desk, draw);
    bar?.draw(desk.masks.map(marked), desk.foretold ?? [], { labelled: colour(1), predicted: PREDICTED });
  }

  const keys = keyboard(desk, stage, step, draw);
  const closing = (event) => desk.dirty && event.preventDefault();
  addEventListener("keydown", keys.down);
  addEventListener("keyup", keys.up);
  addEventListener("beforeunload", closing);
  desk.choose("brush");
  desk.redraw();
  if (picture.state === "predicted") desk.showPrediction(true);

  return (route) => {
    if (desk.dirty) {
      const go = () => { location.hash = `#/${route}`; };
      tell("This label is not saved.", { bad: false, actions: {
        "Save": async () => { await desk.save(); if (!desk.dirty) go(); },
        "Discard": () => { markSaved(); go(); },
        "Stay": () => {},
      } });
      return false;
    }
    open = false;
    asked?.remove();
    stageBox.inert = true; // it is seen until the next page is there
    removeEventListener("keydown", keys.down);
    removeEventListener("keyup", keys.up);
    removeEventListener("beforeunload", closing);
    stage.close();
    return true;
  };
}

// Scribbles as pixels of their box: 1 outside, 2 inside.
function seedsOf(box, strokes) {
  const seeds = new Mask(box.right - box.left, box.bottom - box.top, new Uint8Array((box.right - box.left) * (box.bottom - box.top)));
  for (const { points, outside, radius } of strokes) {
    points.forEach(([x, y], i) => {
      const [px, py] = points[Math.max(0, i - 1)];
      seeds.stroke(px - box.left, py - box.top, x - box.left, y - box.top, radius, outside ? 1 : 2);
    });
  }
  return seeds.numbers;
}

// Which slice to begin with: the middle of those that are marked, or of all.
function middle(marked) {
  const first = marked.indexOf(true), last = marked.lastIndexOf(true);
  return first < 0 ? Math.floor(marked.length / 2) : Math.floor((first + last) / 2);
}

async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode().catch(() => { throw new Error("The picture cannot be shown."); });
  return image;
}
