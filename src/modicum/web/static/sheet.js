// The contact sheet: every picture with its state, what to do next, and what goes in and out.

import * as api from "./api.js";
import { fill, h, notice } from "./dom.js";
import { doors, takesFiles } from "./doors.js";

const STATES = ["unlabelled", "labelled", "predicted", "accepted", "problem"];
const NO_LABEL = '""'; // the tag of a label that is not there
const FIRST = 5; // labels before the first training
const ORDERS = {
  "Name": (a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }),
  "State": (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || ORDERS.Name(a, b),
  "Doubtful first": (a, b) => doubtful(a) - doubtful(b) || ORDERS.Name(a, b),
  "Last labelled": (a, b) => (b.time ?? "").localeCompare(a.time ?? "") || ORDERS.Name(a, b),
};
const doubtful = (p) => (p.state === "predicted" ? p.quality ?? 1 : 2);
const things = (data) => (data.pictures.some((p) => p.depth) ? "volumes" : "pictures");
const chosen = { state: "", words: "", order: "Name" }; // kept while the page is open

export async function showSheet(main, data) {
  const runs = await api.runs();
  const sheet = h("div", { className: "sheet" });
  const filters = h("div", { className: "filters" }), ways = h("div");
  const again = (now) => { if (sheet.isConnected) showSheet(main, Object.assign(data, now)); };
  const changed = (picture) => { Object.assign(data.pictures.find((p) => p.id === picture.id), picture); draw(); };
  const draw = () => {
    const found = data.pictures.filter((p) => (!chosen.state || p.state === chosen.state)
      && `${p.id} ${p.patient} ${p.author ?? ""}`.toLowerCase().includes(chosen.words.toLowerCase()));
    fill(filters, ...controls(data.pictures, draw), acceptAll(found, changed));
    fill(sheet, ...found.sort(ORDERS[chosen.order]).map(tile));
    fill(ways, doors(data, again));
    if (!found.length) fill(sheet, h("p", { className: "soft" }, "No picture is like that."));
  };
  const page = h("div", { className: "page" },
    h("h1", {}, data.name),
    h("p", { className: "soft" }, `${data.pictures.length} ${things(data)} · ${data.layout} · ${data.classes.join(", ")}`),
    data.findings.map((text) => h("p", { className: "warning" }, text)),
    next(data, runs, changed), filters, sheet, ways);
  draw();
  fill(main, page);
  takesFiles(page, again);
}

function controls(pictures, draw) {
  const count = (state) => pictures.filter((p) => !state || p.state === state).length;
  const chips = ["", ...STATES].filter((s) => !s || count(s)).map((state) => h("button", {
    className: chosen.state === state ? "chip on" : "chip",
    onclick: () => { chosen.state = state; draw(); },
  }, state || "all", h("b", {}, count(state))));
  const search = h("input", {
    type: "search", placeholder: "Search", value: chosen.words, "aria-label": "Search",
    oninput: (event) => {
      chosen.words = event.target.value;
      draw();
      const again = document.querySelector(".filters input");
      again.focus();
      again.setSelectionRange(chosen.words.length, chosen.words.length);
    },
  });
  const order = h("select", { "aria-label": "Order", onchange: (e) => { chosen.order = e.target.value; draw(); } },
    Object.keys(ORDERS).map((name) => h("option", { selected: name === chosen.order }, name)));
  return [...chips, h("span", { className: "grow" }), search, order];
}

function tile(picture) {
  const frame = picture.problem
    ? h("span", {}, picture.problem)
    : h("img", { src: api.thumbnail(picture), alt: picture.id, loading: "lazy", draggable: false });
  return h("a", { className: "tile", href: `#/picture/${encodeURIComponent(picture.id)}`, title: picture.problem || picture.id },
    h("div", { className: "frame" }, frame, expected(picture), picture.depth && h("i", { className: "depth" }, `${picture.depth} slices`)),
    h("div", { className: "name" }, h("span", {}, picture.id), h("i", { className: `state ${picture.state}`, style: "font-style:normal" }, picture.state)));
}

// What the model itself expects of its prediction: a Dice below .7 is worth a look first.
function expected({ state, quality, reasons }) {
  if (state !== "predicted" || quality === undefined) return null;
  return h("b", { className: quality < 0.7 ? "expected doubtful" : "expected", title: `Expected Dice ${quality.toFixed(2)}${reasons ? `: ${reasons}` : ""}` }, quality.toFixed(2));
}

function acceptAll(shown, changed) {
  const predicted = shown.filter((p) => p.state === "predicted" && !p.locked);
  if (chosen.state !== "predicted" || !predicted.length) return null;
  const accept = async () => {
    let done = 0;
    for (const { id, version } of predicted) {
      try { // what was seen: the same model's prediction, and no label yet
        if ((await api.picture(id)).version !== version) throw new Error("It has changed since you saw it. Open the page again.");
        changed(await api.saveLabel(id, await api.prediction(id), NO_LABEL, "accepted", localStorage.getItem("modicum-author") ?? ""));
        done += 1;
      } catch (error) {
        notice(`${id}: ${error.message}`, { bad: true });
        break;
      }
    }
    notice(`${done} ${done === 1 ? "prediction is a label" : "predictions are labels"} now.`);
  };
  return h("button", { onclick: () => notice(`Have you seen all ${predicted.length}? They will teach as if you had drawn them.`,
    { actions: { "Accept them": accept, "No": () => {} } }) }, `Accept all ${predicted.length} shown`);
}

// One sentence that says where one stands, and the button for the next step.
function next(data, runs, changed) {
  const count = (...states) => data.pictures.filter((p) => states.includes(p.state)).length;
  const labelled = count("labelled", "accepted");
  const first = [...data.pictures].sort(ORDERS.Name).find((p) => p.state === "unlabelled");
  const predicted = [...data.pictures].sort(ORDERS["Doubtful first"]).find((p) => p.state === "predicted");
  const open = (picture, name, main = "main") => h("a", { className: `button ${main}`, href: `#/picture/${encodeURIComponent(picture.id)}` }, name);
  const train = (name, main = "main") => h("a", { className: `button ${main}`, href: "#/train" }, name);
  if (runs.some((r) => r.state === "running")) {
    return banner("A training is running.", "You may go on labelling; it learns from the labels that were there when it began.", train("Look at it"));
  }
  const model = runs.some((r) => r.state === "finished");
  if (model && count("predicted")) {
    return banner(`${count("predicted")} ${things(data)} have a prediction.`, "Open one, correct it or accept it, and train again: each correction teaches.",
      predictAll(data, changed), train("Train again", ""), open(predicted, "Look at the most doubtful"));
  }
  if (model && first) {
    return banner("There is a model.", `Let it look at the ${things(data)} that have no label yet.`, train("Train again", ""), predictAll(data, changed));
  }
  if (labelled < FIRST && first) {
    return banner(labelled ? `${labelled} of ${FIRST} labels for a first training.` : `Label ${FIRST} ${things(data)} to begin.`,
      `Choose ${things(data)} that differ from one another; draw with care, the model copies what you do.`,
      labelled >= 2 && train("Train already", ""), open(first, `Label the next ${things(data).slice(0, -1)}`));
  }
  return banner(`${labelled} ${things(data)} are labelled.`, "That is enough for a first training of two minutes.", first && open(first, "Label another", ""), train("Train"));
}

function banner(title, text, ...actions) {
  return h("div", { className: "next" }, h("div", {}, h("h2", { style: "margin:0" }, title), h("p", { className: "soft" }, text)), actions);
}

function predictAll(data, changed) {
  const waiting = data.pictures.filter((p) => p.state === "unlabelled");
  if (!waiting.length) return null;
  const button = h("button", { onclick: async () => {
    button.disabled = true;
    let done = 0;
    for (const { id } of waiting) {
      if (!button.isConnected) return;
      button.textContent = `Predicting ${++done} of ${waiting.length}`;
      try {
        await api.prediction(id);
        changed(await api.picture(id));
      } catch (error) {
        notice(`${id}: ${error.message}`, { bad: true }); // the others may be in order
      }
    }
    button.textContent = "Predicted";
  } }, `Predict ${waiting.length} ${waiting.length === 1 ? "picture" : "pictures"}`);
  return button;
}
