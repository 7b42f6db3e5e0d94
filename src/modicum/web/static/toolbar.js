// The column of tools, each with its key.

import { h } from "./dom.js";
import { toolsFor } from "./tools.js";

const PATHS = {
  brush: "M14 4l6 6-8.5 8.5c-1.5 1.5-5 1.5-7.5 1 .8-2.3.6-5.5 2-7zM12 6l6 6",
  eraser: "M9 20h11M5.5 15.5l9-10 5 4.5-9.5 10H8z M10 10.5l5 4.5",
  polygon: "M12 3.5l8 6-3 10H7l-3-10z",
  fill: "M11 3l8 8-7.5 7.5a2 2 0 0 1-2.8 0L4 13.8a2 2 0 0 1 0-2.8zM4 12.5h14M20.5 15.5c1.2 1.8 1.2 3.5 0 3.5s-1.2-1.700 0-3.5z",
  find: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  window: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 4v16M12 8h3.500M12 12h4.500M12 16h3.500",
  hand: "M12 3v18M3 12h18M12 3l-2.5 2.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5",
  undo: "M8.5 5L4 9.5 8.5 14M4.5 9.5H14a5 5 0 0 1 0 10h-4",
  redo: "M15.5 5l4.5 4.5-4.5 4.5M19.5 9.5H10a5 5 0 0 0 0 10h4",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
};

export function toolbar(desk) {
  const { mask, stage } = desk;
  const button = (icon, name, key, act, more = {}) =>
    h("button", { title: `${name} (${key})`, "aria-label": name, onclick: act, ...more }, drawing(icon), h("kbd", {}, key));
  return [
    ...toolsFor(desk).map(([name, tool]) => button(name, tool.name, tool.key.toUpperCase(), () => desk.choose(name), {
      className: desk.toolName === name ? "on" : "", disabled: Boolean(desk.picture.locked) && !["hand", "window"].includes(name),
    })),
    h("hr"),
    button("undo", "Undo", "Z", () => mask.undo(), { disabled: !mask.past.length }),
    button("redo", "Redo", "Y", () => mask.redo(), { disabled: !mask.future.length }),
    button("fit", "Whole picture", "0", () => stage.fit()),
  ];
}

function drawing(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
