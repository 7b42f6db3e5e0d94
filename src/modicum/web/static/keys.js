// What keys do in the editor.

import { toolsFor } from "./tools.js";

const TURNS = { "ArrowUp": 1, "ArrowDown": -1, "PageUp": 10, "PageDown": -10 }; // slices of a volume

export function keyboard(desk, stage, step, draw) {
  const plain = {
    ...Object.fromEntries(toolsFor(desk).map(([name, { key }]) => [key, () => desk.choose(name)])),
    ...(desk.slices && Object.fromEntries(Object.entries(TURNS).map(([key, by]) => [key, () => desk.turn(desk.slices.wanted + by)]))),
    "[": () => { desk.radius = Math.max(0.5, desk.radius / 1.25); },
    "]": () => { desk.radius = Math.min(400, desk.radius * 1.25); },
    "z": () => desk.mask.undo(), "y": () => desk.mask.redo(),
    "g": () => { if (desk.data.partly) desk.number = 0; },
    "s": () => desk.save(), "0": () => stage.fit(), "+": () => stage.zoom(1.25), "=": () => stage.zoom(1.25), "-": () => stage.zoom(0.8),
    "x": () => { desk.layer.visible = !desk.layer.visible; },
    "c": () => { desk.layer.contour = !desk.layer.contour; desk.redraw(); },
    "v": () => desk.showPrediction(!desk.predicted.visible),
    "a": () => { if (desk.acceptable() && desk.prediction) desk.accept(); }, // not before it is shown
    "ArrowLeft": () => step(-1), "ArrowRight": () => step(1), "Escape": () => desk.tool.cancel?.(),
  };
  const control = { "z": (e) => (e.shiftKey ? desk.mask.redo() : desk.mask.undo()), "y": () => desk.mask.redo(), "s": () => desk.save() };
  return {
    down(event) {
      if (event.target.matches("input, select") || event.altKey) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (event.repeat && ["a", "s"].includes(key)) return event.preventDefault(); // a key that is held
      if (key === " ") {
        if (event.target.matches("button:focus-visible, a:focus-visible")) return; // it presses what the keyboard is on
        stage.panning = true;
        return event.preventDefault();
      }
      const act = event.ctrlKey || event.metaKey ? control[key] : plain[key];
      if (!(event.ctrlKey || event.metaKey)) {
        if (desk.tool.key?.(key)) return stage.redraw();
        if (/^[1-9]$/.test(key) && Number(key) <= desk.data.classes.length) desk.number = Number(key);
        else if (!act) return;
      } else if (!act) return;
      event.preventDefault();
      act?.(event);
      stage.redraw();
      draw();
    },
    up(event) {
      if (event.key === " ") stage.panning = false;
    },
  };
}
