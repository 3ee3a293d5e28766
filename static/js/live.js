// The poll clock. Regions say how often in data-live (seconds); htmx fetches on "airra:poll".
// Slower when nobody is at the page, silent when it is hidden, paused or a request is under way.
const IDLE_AFTER_MS = 120_000;
const IDLE_FACTOR = 12;
const announce = document.getElementById("announce");
const offline = document.getElementById("offline");
const pauseButton = document.getElementById("pause-live");
const dueAt = new WeakMap();
let lastUse = Date.now();
let paused = sessionStorage.getItem("airra-paused") === "yes";

function showPause() {
  if (!pauseButton) return;
  pauseButton.setAttribute("aria-pressed", String(paused));
  pauseButton.querySelector("[data-label]").textContent = paused ? "Live is paused" : "Pause live";
}

function intervalOf(region) {
  const seconds = Number(region.dataset.live) || 5;
  return seconds * 1000 * (Date.now() - lastUse > IDLE_AFTER_MS ? IDLE_FACTOR : 1);
}

function tick() {
  if (paused || document.hidden) return;
  const now = Date.now();
  const scope = document.querySelector("dialog[open]") ?? document; // what lies behind can wait
  for (const region of scope.querySelectorAll("[data-live]")) {
    const due = dueAt.get(region) ?? now + intervalOf(region);
    if (now >= due) region.dispatchEvent(new CustomEvent("airra:poll"));
    dueAt.set(region, now >= due ? now + intervalOf(region) : due);
  }
}

for (const use of ["pointerdown", "keydown", "focus", "scroll"]) {
  window.addEventListener(use, () => { lastUse = Date.now(); }, { passive: true });
}
document.addEventListener("visibilitychange", () => { lastUse = Date.now(); });

pauseButton?.addEventListener("click", () => {
  paused = !paused;
  sessionStorage.setItem("airra-paused", paused ? "yes" : "no");
  showPause();
  announce.textContent = paused ? "Live updates are paused" : "Live updates are on";
});

// Emptied first: the same words again would not be read out.
function say(text) {
  announce.textContent = "";
  setTimeout(() => { announce.textContent = text; }, 50);
}

// A region says in data-news how it stands; what is new in it is read out once, without moving the
// focus. Whoever asked for what is new goes to its first row: the link they used is gone.
const told = new Map([...document.querySelectorAll("[data-news]")].map((region) => [region.id, region.dataset.news]));
document.addEventListener("htmx:after:swap", (event) => {
  const region = event.target.closest?.("[data-news]");
  const news = region?.dataset.news;
  const isAsked = event.detail?.ctx?.sourceEvent?.type === "submit"; // told even if it is the same again
  if (news && ((isAsked && region === event.target) || news !== told.get(region.id))) say(news);
  if (region) told.set(region.id, news);
  if (event.detail?.ctx?.sourceEvent?.target?.closest?.("[data-show]")) document.querySelector("[data-row-link]")?.focus();
});
document.addEventListener("htmx:after:request", (event) => {
  const status = event.detail?.ctx?.response?.status ?? 0;
  offline.hidden = status > 0 && status < 500;
});
document.addEventListener("htmx:error", () => { offline.hidden = false; });

// What was done stands on the page as it is loaded; only what changes later is read out.
const done = document.querySelector(".toasts");
if (done) setTimeout(() => say(done.innerText), 500);

showPause();
setInterval(tick, 500);
