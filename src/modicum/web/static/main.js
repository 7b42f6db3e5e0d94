// Which page is shown; each returns how to leave it.

import * as api from "./api.js";
import { h, notice } from "./dom.js";
import { showEditor } from "./editor.js";
import { showSheet } from "./sheet.js";
import { showTraining } from "./train.js";

const main = document.getElementById("main");
let leave = () => {};
let shown = null;
let place = null; // of the page that was asked for last; another one that is ready later is not shown
let data = null; // read again for the sheet and the training; from picture to picture it is kept

async function go() {
  const route = decodeURIComponent(location.hash.slice(2));
  if (route === shown) return;
  if (leave(route) === false) { // unsaved: stay
    history.replaceState(null, "", `#/${encodeURI(shown)}`);
    return;
  }
  leave = () => {};
  shown = route;
  const mine = (place = h("div", { style: "height: 100%" }));
  for (const link of document.querySelectorAll("#top nav a")) {
    link.classList.toggle("here", link.getAttribute("href") === (route === "train" ? "#/train" : "#/"));
  }
  try {
    const id = route.startsWith("picture/") ? route.slice("picture/".length) : null;
    const fresh = id === null || !data ? await api.data() : data;
    if (place !== mine) return;
    data = fresh;
    document.getElementById("dataset").textContent = data.name;
    const page = route === "train" ? showTraining : id !== null ? showEditor : showSheet;
    const left = (await page(mine, data, id)) ?? (() => {});
    if (place !== mine) return left(route);
    main.replaceChildren(mine);
    leave = left;
  } catch (error) {
    if (place !== mine) return;
    main.replaceChildren(h("div", { className: "empty" }, error.message));
    notice(error.message, { bad: true });
  }
}

window.addEventListener("hashchange", go);
go();
