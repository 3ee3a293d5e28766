"""The lab's Prometheus API answers as a real Prometheus that scrapes the lab does."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from airra.management.commands.bootstrap import LAB_METRICS
from analysis.connectors.prometheus import Prometheus
from analysis.perception.presets import METRIC_PRESETS, Fitted, fitted
from tools.stack import Stack, answers, free_port, wait_for

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses of the lab and of a Prometheus that has scraped it for a while."""
    var = tmp_path_factory.mktemp("promql")
    port = free_port()
    with Stack(var=var) as stack:
        stack.start_lab()
        (Path(var) / "prometheus.yml").write_text(
            f"""
global: {{scrape_interval: 2s}}
scrape_configs:
  - job_name: lab
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{stack.lab_port}"]}}]
""",
            encoding="utf-8",
        )
        stack.start(
            "prometheus",
            "prometheus",
            f"--config.file={var / 'prometheus.yml'}",
            f"--storage.tsdb.path={var / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        real = f"http://127.0.0.1:{port}"
        wait_for("Prometheus", lambda: answers(f"{real}/-/ready"), within_s=30)

        def minute_of_data() -> bool:
            query = "count_over_time(process_resident_memory_bytes{instance='payments-1'}[2m])"
            found = httpx2.get(f"{real}/api/v1/query", params={"query": query}, trust_env=False)
            result: list[Any] = found.json()["data"]["result"]
            return bool(result) and float(result[0]["value"][1]) >= 35

        wait_for("70 s of scrapes", minute_of_data, within_s=120, every_s=1)
        yield stack.lab_url, real


def last_values(url: str, query: str, at: float) -> dict[str, float]:
    """The mean of the last half minute of each series: two scrapers never tick together."""
    found = Prometheus(url).query_range(query, start=at - 30, end=at, step_s=5)
    means = {}
    for series in found:
        labels = {k: v for k, v in series.labels.items() if k != "job"}
        known = [float(v) for v in series.values if math.isfinite(v)]
        if known:
            means[str(sorted(labels.items()))] = sum(known) / len(known)
    return means


FITTED = [found for preset in METRIC_PRESETS if (found := fitted(preset, LAB_METRICS))]


@pytest.mark.parametrize("found", FITTED, ids=lambda found: found.preset.name)
def test_every_preset_means_the_same_on_both(both: tuple[str, str], found: Fitted) -> None:
    lab, real = both
    at = httpx2.get(f"{real}/api/v1/query", params={"query": "time()"}, trust_env=False)
    now = float(at.json()["data"]["result"][1])
    ours, theirs = (last_values(url, found.query, now) for url in (lab, real))
    assert set(ours) == set(theirs)
    assert ours, "the healthy shop has every signal"
    for key, value in theirs.items():
        assert ours[key] == pytest.approx(value, rel=0.3, abs=max(found.preset.floor / 2, 0.01)), (
            key
        )
