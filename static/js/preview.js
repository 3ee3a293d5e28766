// Draws the series of a preview, one chart for each set of settings, and another when it is picked.
import { draw, summary } from "./charts.js";

let plots = [];

function figureOf(unit, drawing) {
  const chart = { ...drawing, unit };
  const count = drawing.alarms.length;
  const told = `${drawing.title}: ${count} ${count === 1 ? "alarm" : "alarms"}`;
  const figure = document.createElement("figure");
  const plot = Object.assign(document.createElement("div"), { className: "chart" });
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${told}; ${summary(chart)}`);
  const caption = Object.assign(document.createElement("figcaption"), { className: "small", textContent: told });
  figure.append(caption, plot);
  const marks = drawing.alarms.map((at) => ({ at, kind: "anomaly" }));
  requestAnimationFrame(() => plots.push([draw(plot, chart, marks), plot]));
  return figure;
}

function show(key) {
  const host = document.getElementById("preview-charts");
  const data = document.getElementById("preview-data");
  if (!host || !data) return;
  const picture = JSON.parse(data.textContent);
  for (const [plot] of plots) plot.destroy();
  plots = [];
  host.replaceChildren(...picture.series[key ?? picture.drawn].map((drawing) => figureOf(picture.unit, drawing)));
}

document.addEventListener("change", (event) => {
  if (event.target.id === "picked") show(event.target.value);
});
document.addEventListener("submit", (event) => {
  if (event.target.id !== "pick-series") return;
  event.preventDefault(); // every series on offer is here already
  show(event.target.elements.series.value);
});
document.addEventListener("htmx:after:swap", () => show());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(document.getElementById("picked")?.value));
window.addEventListener("resize", () => {
  for (const [plot, place] of plots) plot.setSize({ width: place.clientWidth, height: plot.height });
});

show();
