"""Whether things answer at all: scrapes, probes from outside, certificates."""

from analysis.perception.presets.base import Family, Preset

_B = Family.PROBES
_TARGET = ("instance",)

PRESETS: tuple[Preset, ...] = (
    Preset(
        _B,
        "Instances up",
        "availability",
        'avg by ($service) (avg_over_time(up{$service!=""}[$window]))',
        "ratio",
        "a deployment replaces some",
        floor=0.4,
        direction="down",
    ),
    Preset(
        _B,
        "Nothing heard of a service",
        "availability",
        'count by ($service) (up{$service!=""} == 1)',
        "instances",
        "no instance is left",
        rule="missing",
    ),
    Preset(
        _B,
        "Probes that fail",
        "availability",
        "avg by ($service) (avg_over_time(probe_success[$wide]))",
        "ratio",
        "a packet gets lost",
        floor=0.4,
        direction="down",
        services=_TARGET,
    ),
    Preset(
        _B,
        "Slow probes",
        "latency",
        "max by ($service) (avg_over_time(probe_duration_seconds[$wide]))",
        "s",
        "people feel it",
        floor=0.5,
        services=_TARGET,
    ),
    Preset(
        _B,
        "Certificate expires",
        "availability",
        "(min by ($service) (probe_ssl_earliest_cert_expiry) - time()) / 86400",
        "days",
        "two weeks to renew it",
        rule="saturation",
        limit=0.0,
        floor=14.0,
        direction="down",
        services=_TARGET,
    ),
)
