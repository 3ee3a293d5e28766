// One chart: value, expected band, the anomaly's onset, changes and actions; one cursor for all charts.
const probe = document.createElement("span");
probe.className = "sr";
document.body.append(probe);
const POWERS = Array.from({ length: 40 }, (_, n) => 2 ** n); // ticks of bytes at round binary sizes

function colour(name) {
  probe.className = `sr ink-${name}`;
  return getComputedStyle(probe).color;
}

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];
const plain = (value) => Number(value.toPrecision(3)).toLocaleString("en-GB", { maximumFractionDigits: 6 });

// The words of airra/lib/quantities.py, for axes and captions.
function readable(unit, value) {
  if (value === null || value === undefined) return "no data";
  if (unit === "ratio") return `${plain(value * 100)} %`;
  if (unit === "s") return Math.abs(value) < 1 ? `${plain(value * 1000)} ms` : `${plain(value)} s`;
  if (unit === "1/s") return `${plain(value)}/s`;
  if (unit !== "bytes") return `${plain(value)} ${unit}`.trim();
  const step = Math.min(BINARY.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(value) || 1) / 10)));
  return `${plain(value / 1024 ** step)} ${BINARY[step]}`;
}

const INKS = { change: "change", anomaly: "anomaly" };

function marksOf(chart, marks) {
  const line = (u, at, ink, dash) => {
    const x = Math.round(u.valToPos(at, "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    Object.assign(u.ctx, { strokeStyle: colour(ink), lineWidth: 1.5 * devicePixelRatio });
    u.ctx.setLineDash(dash);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.setLineDash([]);
  };
  return (u) => {
    if (chart.anomaly) line(u, chart.anomaly.from, "anomaly", []);
    for (const mark of marks) line(u, mark.at, INKS[mark.kind] ?? "action", mark.kind === "anomaly" ? [] : [6, 5]);
  };
}

export function draw(figure, chart, marks) {
  const axis = { stroke: colour("text"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
  const hour = { hour: "2-digit", minute: "2-digit", timeZone: "UTC", hour12: false };
  const day = { day: "numeric", month: "short", timeZone: "UTC" };
  const clock = (u, ticks) => ticks.map((at) => {
    const date = new Date(at * 1000);
    return at % 86400 === 0 ? date.toLocaleDateString("en-GB", day) : date.toLocaleTimeString("en-GB", hour);
  });
  return new uPlot({
    width: figure.clientWidth, height: 150, legend: { show: false },
    cursor: { sync: { key: "signals" } },
    axes: [
      { ...axis, size: 28, values: clock },
      { ...axis, size: 68, space: 36, values: (u, ticks) => ticks.map((v) => readable(chart.unit, v)), ...(chart.unit === "bytes" && { incrs: POWERS }) },
    ],
    series: [{}, { stroke: "transparent" }, { stroke: "transparent" }, { stroke: colour("value"), width: 2, spanGaps: false }],
    bands: [{ series: [2, 1], fill: colour("band") }],
    hooks: { draw: [marksOf(chart, marks)] },
  }, [chart.times, chart.low, chart.high, chart.values], figure);
}

export function summary(chart) {
  const latest = chart.values.findLast((value) => value !== null);
  const low = chart.low.findLast((value) => value !== null);
  const high = chart.high.findLast((value) => value !== null);
  const range = low === undefined ? "" : `, expected ${readable(chart.unit, low)} to ${readable(chart.unit, high)}`;
  return `${readable(chart.unit, latest)} now${range}`;
}
