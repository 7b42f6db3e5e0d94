// Elements without ceremony, and notices.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  fill(element, ...children);
  return element;
}

// Children in place of those that are there; lists are opened, and what is empty or false is left out. The keyboard stays on its button.
export function fill(element, ...children) {
  const held = element.querySelector("button:focus-visible");
  element.replaceChildren(...children.flat(Infinity).filter((child) => child || child === 0));
  if (held) [...element.querySelectorAll("button")].find((button) => named(button) === named(held))?.focus();
}

const named = (button) => button.getAttribute("aria-label") ?? button.textContent;

// A line at the foot of the page; with actions it stays until one is chosen. It returns nothing: what a caught error is replaced by.
export function notice(text, options) {
  line(text, options);
}

// The same, and the line is returned.
export function line(text, { bad = false, actions = {} } = {}) {
  const box = h("div", { className: bad ? "notice bad" : "notice" }, h("span", {}, text));
  for (const [name, act] of Object.entries(actions)) {
    box.append(h("button", { onclick: () => { box.remove(); act(); } }, name));
  }
  if (bad && !Object.keys(actions).length) box.append(h("button", { onclick: () => box.remove() }, "Close"));
  document.getElementById("notices").append(box);
  if (!bad && !Object.keys(actions).length) setTimeout(() => box.remove(), 3500);
  return box;
}
