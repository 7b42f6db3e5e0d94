// Elements without ceremony, and notices.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// A line at the foot of the page; with actions it stays until one is chosen.
export function notice(text, { bad = false, actions = {} } = {}) {
  const box = h("div", { className: bad ? "notice bad" : "notice" }, h("span", {}, text));
  for (const [name, act] of Object.entries(actions)) {
    box.append(h("button", { onclick: () => { box.remove(); act(); } }, name));
  }
  if (bad && !Object.keys(actions).length) box.append(h("button", { onclick: () => box.remove() }, "Close"));
  document.getElementById("notices").append(box);
  if (!bad && !Object.keys(actions).length) setTimeout(() => box.remove(), 3500);
}
