"""The sample detectors."""

import pytest

from analysis.perception.presets import PRESETS, Preset, finer_signal


def test_names_differ_and_directions_are_known() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert {preset.direction for preset in PRESETS} <= {"up", "down", "both"}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_every_preset_answers_a_series_per_service_and_has_a_floor(preset: Preset) -> None:
    assert "by (service" in preset.query
    assert preset.floor > 0


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
