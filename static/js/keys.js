// Single-key shortcuts: off in fields, in dialogs, with modifiers, and by the person's choice.
const rows = () => [...document.querySelectorAll("[data-row] a[data-row-link]")];

function move(step) {
  const links = rows();
  if (!links.length) return;
  const here = document.activeElement?.closest?.("[data-row]");
  const at = links.findIndex((link) => link.closest("[data-row]") === here);
  links[Math.min(links.length - 1, Math.max(0, at + step))].focus();
}

function press(selector) {
  const found = document.querySelector(selector);
  if (found) (found.matches("a, button") ? found.click() : found.focus());
  return Boolean(found);
}

function jump(id) {
  const place = document.getElementById(id);
  place?.scrollIntoView();
  place?.focus();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => press("[data-key='search']"),
  n: () => press("[data-key='note']"),
  a: () => press("[data-key='acknowledge']"),
  r: () => press("[data-key='review']"),
  x: () => document.activeElement?.closest?.("[data-row]")?.querySelector("input[type=checkbox]")?.click(),
};
const PLACES = { s: "signals", h: "hypotheses", p: "plan", t: "timeline", e: "evidence" };
let going = false;

function isTyping(target) {
  return target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.shortcuts === "off") return;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (going) {
    going = false;
    if (PLACES[event.key]) {
      event.preventDefault();
      jump(PLACES[event.key]);
    }
    return;
  }
  if (event.key === "g") {
    going = true;
    return;
  }
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
