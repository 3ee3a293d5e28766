"""Presets: coherent as data, and fitted to what a source has."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.perception.presets import (
    METRIC_PRESETS,
    PRESETS,
    Family,
    Preset,
    Survey,
    finer_signal,
    fitted,
    labels_to_ask_for,
)
from analysis.perception.presets.base import CODES, metrics_in

EVERYTHING = {name for preset in METRIC_PRESETS for name in preset.needs}
LABELS = [*labels_to_ask_for(METRIC_PRESETS), "instance", "job"]


def preset(name: str) -> Preset:
    return next(found for found in PRESETS if found.name == name)


def survey(*metrics: str, interval_s: float = 15.0, **shares: float) -> Survey:
    return Survey(dict.fromkeys(metrics, shares), dict.fromkeys(metrics, interval_s))


def test_names_differ_and_every_family_has_some() -> None:
    assert len({found.name for found in PRESETS}) == len(PRESETS)
    assert {found.family for found in PRESETS} == set(Family)
    assert {found.direction for found in PRESETS} <= {"up", "down", "both"}


@pytest.mark.parametrize("found", PRESETS, ids=lambda p: p.name)
def test_a_preset_has_what_its_rule_needs_and_nothing_else(found: Preset) -> None:
    has_limit, has_objective = found.limit is not None, found.objective is not None
    assert has_limit == (found.rule in {"saturation", "forecast"})
    assert has_objective == (found.rule == "burn_rate")
    assert (found.floor > 0) == (found.rule in {"adaptive", "saturation", "logs", "traces"})
    assert found.alarms_per_week > 0
    assert found.why
    assert bool(found.query) == (found.rule not in {"logs", "traces"})


@pytest.mark.parametrize("found", METRIC_PRESETS, ids=lambda p: p.name)
def test_a_share_has_a_floor_and_a_limit_that_a_share_can_reach(found: Preset) -> None:
    if found.unit == "ratio" and found.family is not Family.NODE:
        assert found.floor <= 0.5
    if found.unit == "ratio" and found.limit is not None:
        assert found.limit == (0 if found.direction == "down" else pytest.approx(1, abs=0.03))


@pytest.mark.parametrize("found", METRIC_PRESETS, ids=lambda p: p.name)
def test_a_query_names_its_service_and_fixes_no_window(found: Preset) -> None:
    assert re.search(r"by \([^)]*\$service", found.query)
    assert found.needs
    assert not re.search(r"\[\d", found.query)
    if "rate(" in found.query or "increase(" in found.query:
        assert "[$window]" in found.query or "[$wide]" in found.query


def test_the_metrics_of_a_query_are_found() -> None:
    assert metrics_in(
        'histogram_quantile(0.95, sum by (service, le) (rate(a_b{code=~"5..",x="y_z"}[$window]))) '
        "/ (job:c:d > 0) or max by (service) (e_f) * 0 - time()"
    ) == {"a_b", "job:c:d", "e_f"}


def test_a_preset_fits_where_its_metrics_are() -> None:
    memory = preset("Memory nearly at its limit")
    assert fitted(memory, survey("process_resident_memory_bytes", service=1.0)) is None
    assert fitted(memory, survey(*memory.needs, service=1.0)) is not None
    assert fitted(memory, survey(*memory.needs, pod=1.0)) is None, "nothing names the service"


def test_the_same_name_with_other_labels_is_another_convention() -> None:
    calls = preset("Failed calls to a dependency: OpenTelemetry")
    assert fitted(calls, survey(*calls.needs, service=1.0, peer=1.0)) is None
    assert fitted(calls, survey(*calls.needs, service=1.0, server_address=0.9)) is not None


def test_another_preset_may_say_it_better() -> None:
    mean = preset("Slow answers (mean): Spring")
    there = (*mean.needs, *mean.unless)
    assert fitted(mean, survey(*mean.needs, job=1.0)) is not None
    assert fitted(mean, survey(*there, job=1.0)) is None


def test_the_label_that_most_series_have_names_services() -> None:
    errors = preset("Traffic surge")

    def label(**shares: float) -> str:
        found = fitted(errors, survey("http_requests_total", **shares))
        return found.service_label if found else ""

    assert label(service=1.0, job=1.0) == "service"
    assert label(service=0.2, app=0.9, job=1.0) == "job"
    assert label(service=0.2, job=0.1) == "service"


def test_the_label_with_the_status_code_is_found() -> None:
    errors = preset("Error ratio")
    found = fitted(errors, survey("http_requests_total", service=1.0, status=1.0))
    assert found is not None
    assert 'status=~"5.."' in found.query
    assert fitted(errors, survey("http_requests_total", service=1.0)) is None


def test_the_shop_keeps_its_windows() -> None:
    found = fitted(
        preset("Error ratio"),
        survey("http_requests_total", interval_s=2.0, service=1.0, code=1.0),
    )
    assert found is not None
    assert found.step_s == 5
    total = "sum by (service) (rate(http_requests_total[30s]))"
    failed = 'sum by (service) (rate(http_requests_total{code=~"5.."}[30s]))'
    assert found.query == f"{failed} / {total} or {total} * 0"


@given(st.floats(0.1, 600), st.sampled_from(METRIC_PRESETS))
def test_windows_hold_four_scrapes_and_steps_are_sane(interval_s: float, found: Preset) -> None:
    shares = dict.fromkeys([*LABELS, *CODES], 1.0)
    made = fitted(found, survey(*found.needs, interval_s=interval_s, **shares))
    assert made is not None
    assert "$" not in made.query
    assert 5 <= made.step_s <= 60
    for window in re.findall(r"\[(\d+)s\]", made.query):
        assert int(window) >= max(4 * interval_s, 30)


def test_the_slowest_scrape_decides() -> None:
    disk = preset("Disk in use")
    found = fitted(
        disk,
        Survey(
            {name: {"service": 1.0} for name in disk.needs},
            {"disk_used_bytes": 10.0, "disk_size_bytes": 45.0},
        ),
    )
    assert found is not None
    assert found.step_s == 45


@pytest.mark.parametrize(
    ("signal", "query", "expected"),
    [
        ("saturation", "max by (service) (db_pool_connections_in_use / x)", "pool"),
        ("saturation", "avg_over_time(work_queue_depth[30s])", "queue"),
        ("saturation", "jvm_threads_live", "threads"),
        ("saturation", "something_else", "saturation"),
        ("latency", "db_pool_wait_seconds", "latency"),
    ],
)
def test_what_is_saturated_is_read_from_the_query(signal: str, query: str, expected: str) -> None:
    assert finer_signal(signal, query) == expected
