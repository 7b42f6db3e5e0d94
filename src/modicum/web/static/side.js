// What stands beside the canvas: classes, size of the brush, how masks are shown, who draws, and the keys.

import * as api from "./api.js";
import { fill, h, notice } from "./dom.js";
import { colour } from "./layer.js";
import { UNMARKED } from "./mask.js";

const keysOf = (volume, partly) => ({ "1 – 9": "class", ...(partly && { "G": "background" }), "[ ]": "size", "Z, Y": "undo, redo", "X": "hide or show the label", "C": "fill or contour",
  "V": "prediction", ...(volume && { "Wheel, ↑ ↓": "slices", "W": "window" }), [volume ? "Ctrl wheel, + −" : "Wheel, + −"]: "zoom",
  "Space": "move", "S": "save", "A": "accept", "← →": volume ? "other volumes" : "other pictures" });

export function showSide(side, desk, draw) {
  if (side.contains(document.activeElement) && document.activeElement.matches("input")) return; // somebody is using it
  const { layer, predicted, stage } = desk;
  const slider = (name, least, most, value, shown, set, step = 0.01) => {
    const output = h("output", {}, shown(value));
    const input = h("input", { type: "range", min: least, max: most, step, value, "aria-label": name,
      oninput: () => { set(Number(input.value)); output.textContent = shown(Number(input.value)); stage.redraw(); },
      onpointerup: () => input.blur() });
    return h("label", {}, h("span", {}, name), input, output);
  };
  const choice = (name, on, act) => h("button", { className: on ? "on" : "", onclick: () => { act(); draw(); } }, name);
  const show = (contour) => () => { layer.contour = contour; layer.visible = true; desk.redraw(); };
  fill(side,
    desk.slices && h("section", {}, h("h3", {}, "Window"), ...windows(desk.slices, slider, choice)),
    h("section", {}, h("h3", {}, "Class"), classes(desk, draw), ...inPart(desk, choice)),
    h("section", {}, h("h3", {}, "Brush"),
      slider("Size", 0, 6, Math.log(desk.radius * 2), (v) => String(Math.round(Math.exp(v))), (v) => { desk.radius = Math.exp(v) / 2; })),
    h("section", {}, h("h3", {}, "Label"),
      slider("Opacity", 0, 1, layer.opacity, (v) => `${Math.round(v * 100)}%`, (v) => { layer.opacity = v; if (desk.alone()) predicted.opacity = v; }),
      h("div", { className: "choices" }, choice("Fill", layer.visible && !layer.contour, show(false)), choice("Contour", layer.visible && layer.contour, show(true)),
        choice("Hidden", !layer.visible, () => { layer.visible = !layer.visible; stage.redraw(); })),
      desk.slices && !desk.picture.locked && h("p", { className: "small soft", style: "margin:8px 0 0" },
        `A volume is labelled as a whole: slices without a drawing ${desk.data.partly ? "stay unmarked" : "count as background"}.`)),
    desk.picture.predicted && h("section", {}, h("h3", {}, "Prediction of the newest model"),
      h("div", { className: "choices" }, choice("Show", predicted.visible, () => desk.showPrediction(!predicted.visible)),
        !desk.picture.locked && choice("Take over", false, desk.correct)),
      desk.picture.quality !== undefined && h("p", { className: "small soft", style: "margin:8px 0 0" },
        `Expected Dice ${desk.picture.quality.toFixed(2)}${desk.picture.reasons ? `: ${desk.picture.reasons}` : ""}`),
      desk.prediction && !desk.alone() && h("p", { className: "small soft", style: "margin:8px 0 0" }, agreement(desk))),
    h("section", {}, h("h3", {}, "Your name, kept beside each label"),
      h("input", { type: "text", placeholder: "as on this computer", value: localStorage.getItem("modicum-author") ?? "", maxLength: 80,
        "aria-label": "Your name", onchange: (event) => localStorage.setItem("modicum-author", event.target.value) })),
    h("section", {}, h("h3", {}, "Keys"), h("dl", { className: "keys" }, Object.entries(keysOf(desk.slices, desk.data.partly)).map(([key, does]) => [h("dt", {}, key), h("dd", {}, does)]))),
  );
}

// Presets, and level and width by themselves; what is shown are the volume's own units, Hounsfield units in CT.
function windows(slices, slider, choice) {
  const { low, high, least, greatest } = slices, range = greatest - least || 1, step = range / 2000;
  const shown = (value) => String(range > 20 ? Math.round(value) : Number(value.toPrecision(2)));
  const set = (level, width) => slices.setWindow(level - width / 2, level + width / 2);
  return [
    h("div", { className: "choices presets" }, Object.entries(slices.windows).map(([name, [from, to]]) => choice(name, from === low && to === high, () => slices.setWindow(from, to)))),
    slider("Level", least, greatest, (low + high) / 2, shown, (level) => set(level, slices.high - slices.low), step),
    slider("Width", step, range, high - low, shown, (width) => set((slices.low + slices.high) / 2, width), step),
  ];
}

function classes(desk, draw) {
  const rename = async (names) => {
    const told = await api.nameClasses(names, desk.data.classes).catch((error) => notice(error.message, { bad: true }));
    if (told) desk.data.classes = told.classes;
    draw();
  };
  const asked = (text, old = "") => prompt(text, old)?.trim();
  const list = desk.data.classes.map((name, i) => h("button", {
    className: desk.number === i + 1 ? "on" : "", title: "Double click to rename",
    onclick: () => { desk.number = i + 1; draw(); },
    ondblclick: () => { const given = asked("Name of the class", name); if (given) rename(desk.data.classes.with(i, given)); },
  }, h("i", { style: `background: rgb(${colour(i + 1)})` }), name, h("b", {}, i < 9 ? i + 1 : "")));
  const more = h("button", { onclick: () => { const given = asked("Name of the new class"); if (given) rename([...desk.data.classes, given]); } }, "Add a class");
  const ground = desk.data.partly && h("button", { className: desk.number ? "" : "on", onclick: () => { desk.number = 0; draw(); } },
    h("i", { className: "ground" }), "Background", h("b", {}, "G"));
  return h("div", { className: "classes" }, list, ground, more);
}

// Before the first label: whether it says of every pixel what it is, or of strokes alone. Later, what strokes are for.
function inPart({ data, picture, empty, begin }, choice) {
  if (picture.locked) return [];
  const said = h("p", { className: "small soft", style: "margin:8px 0 0" }, data.partly
    ? "Unmarked pixels teach nothing. Give each picture strokes of both: what you look for, and the background about it."
    : "Mark every pixel of what you look for; the rest is background.");
  const fresh = !data.pictures.some((p) => ["labelled", "accepted"].includes(p.state)) && empty();
  const choose = (partly) => async () => {
    const told = await api.nameClasses(data.classes, data.classes, partly).catch((error) => notice(error.message, { bad: true }));
    if (told) begin(told.partly);
  };
  return [fresh && h("div", { className: "choices", style: "margin-top:12px" },
    choice("In full", !data.partly, choose(false)), choice("In part (scribbles)", data.partly, choose(true))), (fresh || data.partly) && said];
}

// Dice of the label that is drawn and the prediction, any class.
function agreement({ data, mask, seen, slices }) {
  const prediction = seen();
  let both = 0, sum = 0;
  mask.numbers.forEach((number, i) => {
    if (number === UNMARKED) return;
    both += number && number === prediction[i] ? 2 : 0;
    sum += (number ? 1 : 0) + (prediction[i] ? 1 : 0);
  });
  return sum ? `Dice of ${data.partly ? "the marked pixels" : "label"} and prediction${slices ? ", this slice" : ""}: ${(both / sum).toFixed(2)}` : "Neither the label nor the prediction marks anything.";
}
