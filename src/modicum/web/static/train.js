// Training: what to ask for, how it goes, what came out.

import * as api from "./api.js";
import { fill, h, notice } from "./dom.js";

const SAMPLES = 6;
const GOES_ON = "The same recipe goes on from what that model knows. Where it has seen pictures that serve as test now, the Dice flatters, and the report says so.";
const MINUTES = { "20 seconds": 1 / 3, "2 minutes": 2, "5 minutes": 5, "10 minutes": 10, "20 minutes": 20, "1 hour": 60, "4 hours": 240 };

export async function showTraining(main, data) {
  const [runs, recipes] = await Promise.all([api.runs(), api.recipes()]);
  const shown = h("div"), earlier = h("div");
  const form = wish(data, recipes, async (recipe, minutes, onward) => {
    try {
      await api.train(recipe, minutes, onward);
      refresh(await api.runs());
      return true;
    } catch (error) {
      notice(error.message, { bad: true });
      return false;
    }
  });
  let quiet = () => {}, open = true; // whether this page is still shown
  function refresh(all, number = all[0]?.number) {
    if (!open) return;
    quiet();
    const run = all.find((r) => r.number === number);
    const again = () => api.runs().then((now) => refresh(now, number), (error) => open && notice(error.message, { bad: true }));
    const view = run && trainingView(data, number === all[0].number, again);
    fill(shown, run ? view.element : h("div", { className: "card empty" }, "Nothing has been trained yet."));
    view?.show(run);
    form.follow(all);
    if (run?.state === "running") {
      quiet = api.watch(number, (told) => {
        view.show(told);
        if (told.state !== "running") again();
      });
    }
    fill(earlier, ...list(all, number, (other) => refresh(all, other)));
  }
  fill(main, h("div", { className: "page" },
    h("h1", {}, "Train"), h("p", { className: "soft" }, "On this computer, in the time that you give it. The page may be closed meanwhile."),
    h("div", { className: "columns" }, h("div", {}, form.element, earlier), shown)));
  refresh(runs);
  return () => {
    open = false;
    quiet();
  };
}

function wish(data, recipes, start) {
  const labelled = data.pictures.filter((p) => ["labelled", "accepted"].includes(p.state)).length;
  const minutes = h("select", {}, Object.entries(MINUTES).map(([name, value]) => h("option", { value, selected: value === 2 }, name)));
  const recipe = h("select", {}, recipes.map((name) => h("option", { value: name }, name === "auto" ? "auto: chosen for you" : name)));
  const begin = h("select", { onchange: () => choose() }), beginning = h("label", {}, "Begin", begin);
  const told = h("p", { className: "small soft" }, GOES_ON), method = h("label", {}, "Recipe", recipe);
  const choose = () => {
    method.hidden = Boolean(begin.value);
    told.hidden = !begin.value;
  };
  const button = h("button", { className: "main", onclick: async () => {
    button.disabled = true;
    if (!(await start(recipe.value, Number(minutes.value), Boolean(begin.value)))) button.disabled = false;
  } }, "Train");
  const few = labelled < 2 ? "Two labelled pictures are the least." : `${labelled} labelled ${data.pictures.some((p) => p.depth) ? "volumes" : "pictures"} take part.`;
  const element = h("div", { className: "card" }, h("h2", {}, "A new training"), h("label", {}, "Time", minutes),
    beginning, told, method,
    h("p", { className: "small soft" }, few), button);
  function follow(runs) {
    button.disabled = runs.some((r) => r.state === "running") || labelled < 2;
    const last = runs.find((r) => r.continuable), chosen = begin.value;
    beginning.hidden = !last;
    fill(begin, h("option", { value: "" }, "anew"), last && h("option", { value: "onward", selected: Boolean(chosen) }, `with the model of training ${last.number}`));
    choose();
  }
  return { element, follow };
}

function list(runs, number, choose) {
  if (runs.length < 2) return [];
  const line = (r) => h("button", { className: r.number === number ? "chip on" : "chip", onclick: () => choose(r.number) },
    `${r.number}`, h("b", {}, r.result ? `Dice ${r.result.test.dice.mean.toFixed(2)}` : r.state));
  return [h("div", { className: "card" }, h("h2", {}, "All trainings"), h("div", { className: "row" }, runs.map(line)))];
}

function trainingView(data, newest, again) {
  const element = h("div"), seen = live();
  const act = (name, call, main) => h("button", { className: main ? "main" : "", onclick: async (event) => {
    event.target.disabled = true;
    await call().catch((error) => notice(error.message, { bad: true }));
    setTimeout(() => again().finally(() => { event.target.disabled = false; }), 400);
  } }, name);
  function show(run) {
    const about = `${run.labels} labels · ${duration(run.minutes)} · ${run.continues ? `from training ${run.continues}` : run.recipe} · begun ${run.begun}`;
    const head = h("div", { className: "card" },
      h("div", { className: "row" }, h("h2", { className: "grow", style: "margin:0" }, title(run)),
        run.state === "running" && act("Stop", () => api.stop(run.number)),
        run.state === "stopped" && act("Go on", () => api.resume(run.number), true)),
      h("p", { className: "soft small", style: "margin:2px 0 0" }, about),
      h("div", { className: "bar", role: "progressbar", "aria-valuenow": Math.round(run.progress * 100) }, h("i", { style: `width:${run.progress * 100}%` })),
      run.problem && h("p", { className: "warning" }, run.problem),
      run.result && outcome(run), run.state === "running" && seen.show(run), chart(run.parts), run.state === "running" && h("ul", { className: "said" }, run.said.slice(-3).map((text) => h("li", {}, text))));
    const old = element.querySelector("iframe");
    if (run.state === "finished" && !old) fill(element, head, newest && samples(data), report(run));
    else if (element.firstChild) element.firstChild.replaceWith(head);
    else element.append(head);
  }
  return { element, show };
}

function title(run) {
  if (run.state === "finished") return `Training ${run.number} is finished`;
  if (run.state === "stopped") return `Training ${run.number} has stopped`;
  const names = Object.keys(run.parts);
  const now = names.at(-1) ?? "";
  if (!names.length) return "Getting ready";
  if (now.startsWith("fold-")) return `Training: measuring, fold ${now.match(/\d+/)[0]}`;
  return run.progress < 0.98 ? "Training the model" : "Testing, and writing the report";
}

function outcome(run) {
  const { mean, low, high } = spread(run.result.test.dice);
  return h("div", {},
    h("div", { className: "row", style: "align-items:flex-end; margin-bottom:16px" }, h("div", { className: "grow" }, h("div", { className: "figure" }, mean.toFixed(2)),
      h("div", { className: "soft small" }, `Dice on pictures that the model had not seen${low === null ? "" : `; 95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}`}`)),
    h("a", { className: "button", href: api.model(run.number) }, "Download the model"), h("a", { className: "button main", href: "#/" }, "See predictions")),
    run.result.warnings.map((text) => h("p", { className: "warning" }, text)));
}

function spread(dice) {
  const [low, high] = dice.ci95 ?? [null, null];
  return { mean: dice.mean, low, high };
}

// What the network in training says of a few pictures now; they change when the new ones are there.
function live() {
  const tiles = h("div", { className: "samples" });
  const element = h("div", { className: "live" }, h("div", { className: "row small soft" }, h("span", { className: "grow" }, "What it sees now"),
    h("span", {}, "coloured: the model · white: the label")), tiles);
  let latest = null;
  function show(run) {
    if (!run.samples) return null;
    if (run.samples === latest) return element;
    latest = run.samples;
    const strip = new Image();
    strip.onload = () => {
      const count = Math.round(strip.naturalWidth / strip.naturalHeight);
      const at = (i) => `background: url("${strip.src}") ${count > 1 ? (100 * i) / (count - 1) : 0}% 0 / ${100 * count}% 100%`;
      fill(tiles, Array.from({ length: count }, (_, i) => h("div", { className: "sample", style: at(i) })));
    };
    strip.src = api.seen(run);
    return element;
  }
  return { show };
}

// What the newest model says of a few pictures without a label, one after the other as they are done.
function samples(data) {
  const some = data.pictures.filter((p) => ["unlabelled", "predicted"].includes(p.state)).slice(0, SAMPLES);
  if (!some.length) return null;
  const tiles = h("div", { className: "samples" });
  (async () => {
    for (const { id } of some) {
      await api.prediction(id);
      const picture = await api.picture(id);
      tiles.append(h("a", { className: "tile", href: `#/picture/${encodeURIComponent(id)}` },
        h("div", { className: "frame" }, h("img", { src: api.thumbnail(picture), alt: id }))));
    }
  })().catch((error) => notice(error.message, { bad: true }));
  return h("div", { className: "card" }, h("h2", {}, "What it says of pictures without a label"), tiles);
}

function report(run) {
  return h("div", { className: "card" }, h("div", { className: "row", style: "margin-bottom:12px" }, h("h2", { className: "grow", style: "margin:0" }, "Report"),
    h("a", { className: "button", href: api.report(run.number), target: "_blank" }, "Open alone")), h("iframe", { className: "report", src: api.report(run.number), title: "Report" }));
}

// The loss of every part of the training over its own time; the newest is drawn last and strongest.
function chart(parts) {
  const curves = Object.values(parts).map((rows) => rows.filter((r) => r.train_loss !== undefined)).filter((rows) => rows.length > 1);
  if (!curves.length) return null;
  const all = curves.flat(), longest = Math.max(...all.map((r) => r.seconds)), most = Math.max(...all.map((r) => r.train_loss));
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const picture = svg("svg", { class: "chart", viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": "Loss over time" });
  for (const y of [0, 50, 100]) picture.append(svg("line", { x1: 0, x2: 100, y1: y, y2: y }));
  curves.forEach((rows, i) => {
    const points = rows.map((r) => `${((100 * r.seconds) / longest).toFixed(2)},${(100 - (100 * r.train_loss) / most).toFixed(2)}`);
    picture.append(svg("path", { d: `M${points.join("L")}`, class: i < curves.length - 1 ? "earlier" : "" }));
  });
  const last = curves.at(-1).at(-1);
  return h("div", {}, h("div", { className: "row small soft", style: "margin-bottom:6px" }, h("span", { className: "grow" }, "Loss"), h("span", {}, `now ${last.train_loss.toFixed(3)}`)),
    picture, h("div", { className: "row small soft", style: "margin-top:6px" }, h("span", { className: "grow" }, "0 s"), h("span", {}, `${longest.toFixed(0)} s`)));
}

function duration(minutes) {
  return Object.entries(MINUTES).find(([, value]) => Math.abs(value - minutes) < 1e-6)?.[0] ?? `${minutes} minutes`;
}
