"""Prints docs/reference/presets.md from the presets themselves; a test compares the two."""

import sys

from airra.lib.quantities import quantity
from analysis.perception.presets import PRESETS, Family, Preset

HEAD = """\
# Presets

Detectors that work without tuning. *Add detectors* on the page of a source asks it what it has and
adds those below that fit: each needs the metrics named beside it, and a label that names services.
Nothing is added twice, and what you changed is left alone.

- The label: of `service`, `service_name`, `app`, `application` and `job`, or of what the exporter
  uses, the one that most series have.
- Windows: rates look back four scrapes, 30 s at least; the step is the scrape interval, within 5 to
  60 s. The interval is counted by `up` over five minutes, in the slowest job of a metric; 60 s
  where there is none.
- A *floor* is the smallest departure from the expected that can matter, however unusual; an
  *objective* the share of requests that should succeed. Set your own on the detector's page.
- *Evidence* stands beside those that never open an incident by themselves.

Every query runs in the tests on a real Prometheus: over the real node_exporter, and for the others
over samples of the metrics that they publish.
"""
RULES = {
    "adaptive": {"up": "unusually high", "down": "unusually low", "both": "unusual"},
    "missing": {"up": "no data"},
    "counter_reset": {"up": "counter falls back"},
    "saturation": {"up": "close to its limit", "down": "close to its limit"},
    "burn_rate": {"up": "error budget burning"},
    "forecast": {"up": "on its way to its limit"},
    "logs": {"up": "new and surging messages"},
    "traces": {"up": "errors, delays, calls that stopped"},
}


def page() -> str:
    parts = [HEAD]
    for family in Family:
        rows = [_row(preset) for preset in PRESETS if preset.family is family]
        table = [
            "| Detector | Finds | From where on | Why | Needs |",
            "|---|---|---|---|---|",
            *rows,
        ]
        parts.append(f"## {family}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def _row(preset: Preset) -> str:
    finds = RULES[preset.rule][preset.direction]
    evidence = "" if preset.opens_incident else " (evidence)"
    needs = ", ".join(f"`{name}`" for name in sorted(preset.needs)) or "a source of such"
    cells = (preset.name, f"{finds}{evidence}", _threshold(preset), preset.why, needs)
    return f"| {' | '.join(cells)} |"


def _threshold(preset: Preset) -> str:
    limit = preset.limit or 0.0
    match preset.rule:
        case "saturation" if preset.direction == "down":
            return f"{quantity(limit + preset.floor, preset.unit)} and less"
        case "saturation":
            return f"{quantity(limit - preset.floor, preset.unit)} and more"
        case "forecast":
            return f"{quantity(limit, preset.unit)} within {preset.horizon_s // 3600} h"
        case "burn_rate":
            return f"objective {quantity(preset.objective, 'ratio')}"
    return f"floor {quantity(preset.floor, preset.unit)}" if preset.floor else ""


if __name__ == "__main__":
    sys.stdout.write(page())
