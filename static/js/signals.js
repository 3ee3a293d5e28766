// The signals panel: fetches the charts of an incident, draws them, says what failed, tries again.
import { draw, summary } from "./charts.js";

const host = document.getElementById("charts");
const legend = document.querySelector("#signals .legend");
const ranges = document.getElementById("ranges");
const REFRESH_MS = 15_000;
let plots = [];

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function problem(text, lastOk) {
  const banner = document.getElementById("signals-problem").content.cloneNode(true).firstElementChild;
  const words = banner.querySelector(".words");
  words.append(text);
  if (lastOk) {
    const utc = `${lastOk.slice(0, 19).replace("T", " ")} UTC`;
    const time = element("time", { dateTime: lastOk, title: utc, textContent: utc });
    words.append(" Last good answer ", time, ".");
  }
  banner.querySelector("button").addEventListener("click", () => show());
  return banner;
}

function figureOf(chart, marks) {
  const heading = element("h3", { textContent: chart.title });
  const query = element("details", { className: "small" },
    element("summary", { textContent: "Query" }),
    element("p", {}, element("code", { textContent: chart.query })),
    element("p", { className: "muted", textContent: `Answered by ${chart.source}` }));
  const plot = element("div", { className: "chart", role: "img", ariaLabel: `${chart.title}: ${summary(chart)}` });
  const caption = element("figcaption", { className: "small muted", textContent: summary(chart) });
  const figure = element("figure", {}, heading, plot, caption, query);
  requestAnimationFrame(() => plots.push([draw(plot, chart, marks), plot]));
  return figure;
}

// The button that was pressed is gone with what it stood in: the focus goes to what came in its place.
function replace(...children) {
  const hadFocus = host.contains(document.activeElement);
  host.replaceChildren(...children);
  if (hadFocus) (host.querySelector("button") ?? host.closest("section")).focus();
}

async function show() {
  let signals;
  try {
    const range = ranges.querySelector("[aria-current]").dataset.range;
    const answer = await fetch(`${host.dataset.src}?range=${range}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`AIRRA answered ${answer.status}`);
    signals = await answer.json();
  } catch (error) {
    legend.hidden = true;
    replace(problem(`The signals could not be fetched: ${error.message}.`, ""));
    return;
  }
  const open = [...host.querySelectorAll("details")].map((each) => each.open);
  for (const [plot] of plots) plot.destroy();
  plots = [];
  const broken = Object.groupBy(signals.charts.filter((chart) => chart.error), (chart) => `${chart.source}: ${chart.error}.`);
  const problems = Object.entries(broken).map(([text, charts]) =>
    problem(`${text} Not shown: ${charts.map((chart) => chart.title).join(", ")}.`, charts[0].last_ok_at));
  const plotted = signals.charts.filter((chart) => !chart.error).map((chart) => figureOf(chart, signals.marks));
  const figures = [...problems, ...plotted];
  const empty = element("p", { className: "small muted", textContent: "No detector watches the service of this incident." });
  legend.hidden = plotted.length === 0;
  replace(...(figures.length ? figures : [empty]));
  host.querySelectorAll("details").forEach((each, i) => { each.open = open[i] ?? false; });
}

function isQuiet() {
  const paused = document.getElementById("pause-live")?.getAttribute("aria-pressed") === "true";
  return document.hidden || paused || host.contains(document.activeElement);
}

ranges?.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-range]");
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  for (const each of ranges.querySelectorAll("a")) each.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  show();
});

if (host) {
  await show();
  setInterval(() => { if (!isQuiet()) show(); }, REFRESH_MS);
  new ResizeObserver(() => {
    for (const [plot, place] of plots) plot.setSize({ width: place.clientWidth, height: plot.height });
  }).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
}
