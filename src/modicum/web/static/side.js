// What stands beside the canvas: classes, size of the brush, how masks are shown, who draws, and the keys.

import * as api from "./api.js";
import { fill, h, notice } from "./dom.js";
import { colour } from "./layer.js";

const KEYS = { "1 – 9": "class", "[ ]": "size", "Z, Y": "undo, redo", "X": "hide or show the label", "C": "fill or contour",
  "V": "prediction", "Wheel, + −": "zoom", "Space": "move", "S": "save", "A": "accept", "← →": "other pictures" };

export function showSide(side, desk, draw) {
  if (side.contains(document.activeElement) && document.activeElement.matches("input")) return; // somebody is using it
  const { layer, predicted, stage } = desk;
  const slider = (name, least, most, value, shown, set) => {
    const output = h("output", {}, shown(value));
    const input = h("input", { type: "range", min: least, max: most, step: 0.01, value, "aria-label": name,
      oninput: () => { set(Number(input.value)); output.textContent = shown(Number(input.value)); stage.redraw(); },
      onchange: () => input.blur() });
    return h("label", {}, h("span", {}, name), input, output);
  };
  const choice = (name, on, act) => h("button", { className: on ? "on" : "", onclick: () => { act(); draw(); } }, name);
  const show = (contour) => () => { layer.contour = contour; layer.visible = true; desk.redraw(); };
  fill(side, 
    h("section", {}, h("h3", {}, "Class"), classes(desk, draw)),
    h("section", {}, h("h3", {}, "Brush"),
      slider("Size", 0, 6, Math.log(desk.radius * 2), (v) => String(Math.round(Math.exp(v))), (v) => { desk.radius = Math.exp(v) / 2; })),
    h("section", {}, h("h3", {}, "Label"),
      slider("Opacity", 0, 1, layer.opacity, (v) => `${Math.round(v * 100)}%`, (v) => { layer.opacity = v; if (desk.alone()) predicted.opacity = v; }),
      h("div", { className: "choices" }, choice("Fill", layer.visible && !layer.contour, show(false)), choice("Contour", layer.visible && layer.contour, show(true)),
        choice("Hidden", !layer.visible, () => { layer.visible = !layer.visible; stage.redraw(); }))),
    desk.picture.predicted && h("section", {}, h("h3", {}, "Prediction of the newest model"),
      h("div", { className: "choices" }, choice("Show", predicted.visible, () => desk.showPrediction(!predicted.visible)),
        !desk.picture.locked && choice("Take over", false, desk.correct)),
      desk.picture.quality !== undefined && h("p", { className: "small soft", style: "margin:8px 0 0" },
        `Expected Dice ${desk.picture.quality.toFixed(2)}${desk.picture.reasons ? `: ${desk.picture.reasons}` : ""}`),
      desk.prediction && !desk.alone() && h("p", { className: "small soft", style: "margin:8px 0 0" }, agreement(desk))),
    h("section", {}, h("h3", {}, "Your name, kept beside each label"),
      h("input", { type: "text", placeholder: "as on this computer", value: localStorage.getItem("modicum-author") ?? "", maxLength: 80,
        "aria-label": "Your name", onchange: (event) => localStorage.setItem("modicum-author", event.target.value) })),
    h("section", {}, h("h3", {}, "Keys"), h("dl", { className: "keys" }, Object.entries(KEYS).map(([key, does]) => [h("dt", {}, key), h("dd", {}, does)]))),
  );
}

function classes(desk, draw) {
  const rename = async (names) => {
    try {
      desk.data.classes = (await api.nameClasses(names)).classes;
    } catch (error) {
      notice(error.message, { bad: true });
    }
    draw();
  };
  const asked = (text, old = "") => prompt(text, old)?.trim();
  const list = desk.data.classes.map((name, i) => h("button", {
    className: desk.number === i + 1 ? "on" : "", title: "Double click to rename",
    onclick: () => { desk.number = i + 1; draw(); },
    ondblclick: () => { const given = asked("Name of the class", name); if (given) rename(desk.data.classes.with(i, given)); },
  }, h("i", { style: `background: rgb(${colour(i + 1)})` }), name, h("b", {}, i < 9 ? i + 1 : "")));
  const more = h("button", { onclick: () => { const given = asked("Name of the new class"); if (given) rename([...desk.data.classes, given]); } }, "Add a class");
  return h("div", { className: "classes" }, list, more);
}

// Dice of the label that is drawn and the prediction, any class.
function agreement({ mask, prediction }) {
  let both = 0, sum = 0;
  mask.numbers.forEach((number, i) => {
    both += number && number === prediction[i] ? 2 : 0;
    sum += (number ? 1 : 0) + (prediction[i] ? 1 : 0);
  });
  return sum ? `Dice of label and prediction: ${(both / sum).toFixed(2)}` : "Neither the label nor the prediction marks anything.";
}
