"""`manage.py backtest NAME`: a detector over stored history, as it is and as it might be set."""

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from airra.lib.quantities import odds, quantity, span
from analysis.commands.backtest import CannotReplay, Request, run
from analysis.commands.tuning import TUNABLE
from analysis.connectors.base import ConnectorError
from analysis.models import Detector
from analysis.types.replays import Alarm, Backtest, Outcome

_SHOWN = 30


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        msg = f"{text} is not a number above 0"
        raise ArgumentTypeError(msg)
    return value


def _no_less_than_0(text: str) -> float:
    return float(text) and _positive(text)


class Command(BaseCommand):
    help = (
        "Replays a detector over the history its source has stored and tells what it would have "
        "flagged. With settings given, both are shown: as it is, and with these. Writes nothing. "
        "The last line of the output is the same as one JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("detector", help="its name or id")
        parser.add_argument("--workspace", default="", help="slug, where the name is in several")
        parser.add_argument("--days", type=_positive, default=7.0)
        parser.add_argument("--alarms-per-week", type=_positive, help="a series")
        parser.add_argument("--floor", type=_no_less_than_0, help="in the unit of the detector")
        parser.add_argument("--direction", choices=Detector.Direction.values)
        parser.add_argument("--limit", type=float, help="in the unit of the detector")
        parser.add_argument("--objective", type=_positive, help="a share, such as 0.999")
        parser.add_argument("--horizon-s", type=_positive, help="how far a forecast looks, s")
        parser.add_argument("--coarse", action="store_true", help="in wider steps where needed")
        parser.add_argument("--json", action="store_true", help="only the JSON object")

    def handle(self, *_: str, **given: Any) -> None:
        detector = _found(given["detector"], given["workspace"])
        changed = {name: given[name] for name in TUNABLE if given[name] is not None}
        request = Request(
            span_s=given["days"] * 86_400,
            variants=({}, changed) if changed else ({},),
            is_coarse=given["coarse"],
            progress=_told if sys.stderr.isatty() else _untold,
        )
        try:
            result = run(detector, request)
        except (CannotReplay, ConnectorError) as error:
            raise CommandError(str(error)) from error
        if not given["json"]:
            self.stdout.write("\n".join(_table(detector, result)))
        self.stdout.write(json.dumps({"detector": detector.name, **result.as_json()}))


def _untold(_: float) -> None:
    """Nobody is looking."""


def _told(done: float) -> None:
    sys.stderr.write(f"\r{done:4.0%}" if done < 1 else "\r    \r")
    sys.stderr.flush()


def _found(name: str, workspace: str) -> Detector:
    named = Detector.objects.filter(name=name).select_related("connector", "workspace")
    if workspace:
        named = named.filter(workspace__slug=workspace)
    found = list(named)
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(sorted(one.workspace.slug for one in found))
        msg = f"{name} is in several workspaces: say --workspace, one of {places}"
    else:
        known = ", ".join(Detector.objects.order_by("name").values_list("name", flat=True)[:20])
        msg = f"there is no detector {name}; there is {known or 'none'}"
    raise CommandError(msg)


def _table(detector: Detector, result: Backtest) -> list[str]:
    start, end = (datetime.fromtimestamp(at, UTC) for at in (result.start, result.end))
    about = (
        f"{detector.name}: {len(result.series)} series from {start:%d %b %H:%M} to "
        f"{end:%d %b %H:%M} UTC in steps of {span(result.step_s)}, "
        f"after {span(result.warm_up_s)} to learn from"
    )
    labels = ["", "as it is", "with these settings"][: len(result.outcomes) + 1]
    rows = [labels, *_rows(result)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(labels))]
    lines = [about, ""]
    lines += ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    newest = result.outcomes[-1].alarms
    lines += ["", *(_line(detector, alarm) for alarm in newest[:_SHOWN])]
    if len(newest) > _SHOWN:
        lines.append(f"… and {len(newest) - _SHOWN} more")
    return [*lines, ""]


def _rows(result: Backtest) -> list[list[str]]:
    def row(label: str, words: Sequence[str]) -> list[str]:
        return [label, *words]

    all_of = result.outcomes
    return [
        row("settings", [_settings(one.settings) for one in all_of]),
        row("anomalies", [str(len(one.alarms)) for one in all_of]),
        row("alarms per series and week", [f"{one.per_series_week:.3g}" for one in all_of]),
        row(
            "confirmed incidents found",
            [f"{o.incidents_found} of {result.incidents}" for o in all_of],
        ),
        row("after, in the median", [_delay(one) for one in all_of]),
        row("called real, found", [f"{one.real_found} of {result.real}" for one in all_of]),
        row("waved off, again", [f"{one.false_again} of {result.false}" for one in all_of]),
        row("matching nothing", [str(one.unmatched) for one in all_of]),
    ]


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _delay(outcome: Outcome) -> str:
    return "-" if outcome.delay_s is None else span(outcome.delay_s)


def _line(detector: Detector, alarm: Alarm) -> str:
    s = alarm.stretch
    at = datetime.fromtimestamp(s.raised_at, UTC)
    lasted = "still out" if s.ended_at is None else f"for {span(s.ended_at - s.raised_at)}"
    value, low, high = (quantity(number, detector.unit) for number in (s.value, s.low, s.high))
    likely = f", {odds(s.p_value)}" if s.p_value is not None else ""
    return (
        f"{at:%d %b %H:%M:%S}  {s.kind.label}  {alarm.series_key}: {value}, expected {low} to "
        f"{high}{likely}, {lasted}; {alarm.matches or 'matches nothing'}"
    )
