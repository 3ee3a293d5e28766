// Keeps relative times fresh between answers of the server; the words match airra/lib/quantities.py.
const UNITS = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [size, unit] = UNITS.find(([least]) => whole >= least) ?? [1, "s"];
  return `${Math.floor(whole / size)} ${unit}`;
}

function words(mode, seconds) {
  if (mode === "age") return span(seconds);
  const when = seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
  if (mode === "expiry") return seconds > 0 ? `expired ${when}` : `expires ${when}`;
  return Math.abs(seconds) < 1 ? "now" : when;
}

function refresh() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll('time[data-time="ago"], time[data-time="age"], time[data-time="expiry"]')) {
    const text = words(time.dataset.time, (Date.now() - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(refresh, 5000);
