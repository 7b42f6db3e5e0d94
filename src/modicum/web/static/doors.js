// Files in, masks and figures out.

import * as api from "./api.js";
import { h, notice } from "./dom.js";

// `again` is called with the list as it is when there are new pictures.
export function doors(data, again) {
  const files = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files", onchange: () => { upload([...files.files], again); files.value = ""; } });
  const masked = data.pictures.some((p) => ["labelled", "accepted", "predicted"].includes(p.state));
  return h("div", { className: "doors row soft small" }, files, h("span", { className: "grow" }, "Drop pictures here to add them."),
    h("button", { onclick: () => files.click() }, "Add pictures"),
    masked && h("a", { className: "button", href: api.measurements, download: "" }, "Measurements (CSV)"),
    masked && h("a", { className: "button", href: api.masks, download: "" }, "All masks (ZIP)"));
}

export function takesFiles(page, again) {
  page.addEventListener("dragover", (event) => { event.preventDefault(); page.classList.add("open"); });
  page.addEventListener("dragleave", (event) => { if (!page.contains(event.relatedTarget)) page.classList.remove("open"); });
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    page.classList.remove("open");
    upload([...event.dataTransfer.files], again);
  });
}

async function upload(files, again) {
  let added = 0;
  for (const file of files) {
    try {
      await api.upload(file);
      added += 1;
    } catch (error) {
      notice(error.message, { bad: true });
    }
  }
  if (!added) return;
  notice(`${added} ${added === 1 ? "picture was" : "pictures were"} added.`);
  again(await api.data());
}
