// Makes a live piece of the page read like new HTML while focus, hover and selection stay where they are.
"use strict";
(() => {
  const key = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") : null);
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);

  function attributes(from, to) {
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }

  function one(from, to) {
    if (from.nodeType !== 1) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    attributes(from, to);
    // What the browser itself wrote into a time is its own to renew.
    if (from.nodeName !== "TIME") children(from, to);
  }

  function children(from, to) {
    const keyed = new Map();
    for (const node of from.childNodes) if (key(node) !== null) keyed.set(key(node), node);
    let at = from.firstChild;
    for (const wanted of [...to.childNodes]) {
      let found = key(wanted) === null ? at : keyed.get(key(wanted));
      if (found && !alike(found, wanted)) found = null;
      if (!found) {
        from.insertBefore(wanted, at);
        continue;
      }
      if (found === at) at = at.nextSibling;
      else from.insertBefore(found, at);
      one(found, wanted);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  window.tocsinMorph = (element, html) => {
    const held = document.activeElement;
    const wanted = element.cloneNode(false);
    wanted.innerHTML = html;
    children(element, wanted);
    // Moving a node in the page takes the focus from it.
    if (held && held !== document.activeElement && element.contains(held)) held.focus({ preventScroll: true });
  };
})();
