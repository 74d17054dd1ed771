// Making elements, and changing only what differs, so that a selection or a scroll position survives.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `attributes` by name, children are elements or text. */
export function make(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = tag === "svg" || tag === "rect" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Make the children of `parent` equal to `fresh`. */
export function show(parent, ...fresh) {
  const old = [...parent.childNodes];
  fresh.forEach((node, index) => {
    if (index >= old.length) parent.append(node);
    else if (!alike(old[index], node)) old[index].replaceWith(node);
    else adopt(old[index], node);
  });
  old.slice(fresh.length).forEach((node) => node.remove());
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
}

function adopt(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  // What the reader has opened stays open.
  for (const name of old.getAttributeNames()) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) {
    if (old.getAttribute(name) !== fresh.getAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
  }
  show(old, ...fresh.childNodes);
}
