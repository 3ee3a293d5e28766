"""The page as HTML. Every value goes through `escape`."""

from html import escape
from typing import Final

from lab.faults import CATALOGUE, Fault
from lab.jsontypes import JSON
from lab.supervisor.changes import Change, rfc3339
from lab.supervisor.injection import Injection
from lab.supervisor.status import Row

TITLE: Final = "AIRRA lab: the shop"
BAD_ERROR_RATIO: Final = 0.02
BAD_P95_MS: Final = 900


def render(
    rows: list[Row], customers: JSON, changes: list[Change], injections: list[Injection]
) -> str:
    """The whole document."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{TITLE}</title>
<link rel="stylesheet" href="/lab/lab.css">
</head>
<body>
<header>
<h1>{TITLE}</h1>
<p>{_customers(customers)} <a href="/">Look again</a></p>
</header>
<main>
{_services(rows)}
{_faults(injections)}
{_changes(changes)}
</main>
</body>
</html>
"""


def _customers(stats: JSON) -> str:
    if not stats:
        return "The customers have not arrived yet."
    failed = float(stats["failed_ratio"]) * 100
    factor = float(stats["buyers_factor"])
    buyers = f" Buyers come {factor:g} times as often as usual." if factor > 1 else ""
    return escape(
        f"Customers send {stats['arrivals_per_s']} requests a second; {failed:.1f} % fail;"
        f" 95 % are answered within {stats['p95_ms']} ms.{buyers}"
    )


def _services(rows: list[Row]) -> str:
    heads = ("Service", "State", "Replicas", "Version", "Requests/s", "Errors", "p95", "CPU",
             "Memory", "Restarts")  # fmt: skip
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "\n".join(_service(row) for row in rows)
    return f"""<section aria-labelledby="services-title">
<h2 id="services-title">Services</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="services-title">
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</div>
</section>"""


def _service(row: Row) -> str:
    state, level = _state(row)
    cells = (
        f"{row.ready} of {row.desired}",
        f"{escape(row.version)} (revision {row.revision})",
        _number(row.rate_per_s),
        _number(None if row.error_ratio is None else row.error_ratio * 100, "%"),
        _number(row.p95_ms, "ms", 0),
        _number(None if row.cpu_cores is None else row.cpu_cores * 100, "%", 0),
        _number(row.memory_mb, "MiB", 0),
        str(row.restarts),
    )
    inside = "".join(f"<td>{text}</td>" for text in cells)
    name = f'<th scope="row">{escape(row.service)}</th>'
    return f'<tr>{name}<td><span class="state {level}">{state}</span></td>{inside}</tr>'


def _state(row: Row) -> tuple[str, str]:
    if row.ready < row.desired:
        return "replicas missing", "bad"
    if (row.error_ratio or 0) > BAD_ERROR_RATIO:
        return "failing", "bad"
    if (row.p95_ms or 0) > BAD_P95_MS:
        return "slow", "warn"
    return "fine", "good"


def _faults(injections: list[Injection]) -> str:
    there = {injection.fault.name for injection in injections if injection.is_there()}
    items = "\n".join(_fault(fault, is_there=name in there) for name, fault in CATALOGUE.items())
    history = "".join(
        f"<li>{escape(i.fault.name)} in {escape(i.service)}, {rfc3339(i.at)},"
        f" {'still there' if i.is_there() else 'gone'}</li>"
        for i in reversed(injections[-8:])
    )
    return f"""<section aria-labelledby="faults-title">
<h2 id="faults-title">Faults</h2>
<ul class="faults">
{items}
</ul>
<form method="post" action="/lab/heal"><button type="submit">Heal everything</button></form>
<h3>Injected so far</h3>
<ol>{history or "<li>Nothing yet.</li>"}</ol>
</section>"""


def _fault(fault: Fault, *, is_there: bool) -> str:
    name = escape(fault.name)
    note = ' <span class="state bad">there now</span>' if is_there else ""
    return f"""<li>
<form method="post" action="/lab/faults">
<input type="hidden" name="fault" value="{name}">
<button type="submit">Inject {name}</button>{note}
</form>
<p>{escape(fault.happens)} Into {escape(fault.default)}; ended by
{escape(fault.repair.replace("_", " "))}.</p>
</li>"""


def _changes(changes: list[Change]) -> str:
    items = "".join(
        f'<li><time datetime="{rfc3339(c.at)}">{rfc3339(c.at)[11:19]}</time>'
        f" {escape(c.kind)}: {escape(c.title)} <small>by {escape(c.actor)}</small></li>"
        for c in changes
    )
    return f"""<section aria-labelledby="changes-title">
<h2 id="changes-title">Recent changes</h2>
<ol class="changes">{items or "<li>None yet.</li>"}</ol>
</section>"""


def _number(value: float | None, unit: str = "", digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f} {unit}".rstrip()
