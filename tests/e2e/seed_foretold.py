"""The part of the seed that is only foretold: predicted incidents with their forecasts."""

from datetime import timedelta

from airra.lib import clock
from analysis.models import Forecast
from incidents.lifecycle import Severity, State
from incidents.models import TimelineEvent
from tests.factories import analysis
from tests.factories import incidents as make


def foretold() -> None:
    """What is on its way: one with its interval, one that may never come, one averted."""
    now = clock.now()
    for title, service, minutes, signal, value in (
        ("payments: disk on its way to 100 %", "payments", (40, 95, 190), "disk", 0.83),
        ("search: error budget runs out", "search", (1600, 3100, None), "errors", 0.31),
    ):
        about = make.incident(
            title=title,
            about=make.service(service),
            severity=Severity.MEDIUM if minutes[2] else Severity.LOW,
            is_predicted=True,
            age_s=660,
        )
        rule = analysis.detector(
            f"{signal} forecast",
            rule="burn_rate" if signal == "errors" else "forecast",
            query="error_ratio" if signal == "errors" else "disk",
            signal=signal,
            unit="ratio",
        )
        times = [now + timedelta(minutes=m) if m else None for m in minutes]
        names = ("earliest_at", "expected_at", "latest_at")
        Forecast.objects.create(
            detector=rule,
            service=about.service,
            series_key=f"service={service}",
            value=value,
            newest_value=value,
            limit=1.0,
            incident=about,
            **dict(zip(names, times, strict=True)),
            **{f"newest_{name}": at for name, at in zip(names, times, strict=True)},
        )
        text = f"set severity {about.severity}: {signal} of {service} at its limit is serious"
        make.event(about, TimelineEvent.Kind.SEVERITY, text, age_s=660)
    make.incident(
        title="inventory: memory on its way to 100 %",
        about=make.service("inventory"),
        severity=Severity.MEDIUM,
        state=State.RESOLVED,
        is_predicted=True,
        resolution="averted: memory forecast is no longer on its way to its limit",
        age_s=8000,
    )
