"""Every preset on a real Prometheus, over the metrics of each exporter.

node_exporter is the real one. Of the others the published metric names are in `expositions/`, with
a sample of each: gauges as they are, counters and histograms as what they grow by in a second.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from airra.lib import clock
from analysis.commands.presets import survey_of
from analysis.connectors.prometheus import Prometheus
from analysis.perception.presets import METRIC_PRESETS, Preset, Survey, fitted
from tools.stack import Stack, answers, free_port, wait_for

pytestmark = pytest.mark.live

EXPOSITIONS = sorted((Path(__file__).parent / "expositions").glob("*.txt"))
GROWS = {"counter", "histogram", "summary"}


def _grown(text: str, seconds: float) -> str:
    """The exposition after some seconds."""
    lines, grows = [], False
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            grows = line.rsplit(" ", 1)[1] in GROWS
            lines.append(line)
            continue
        series, value = line.rsplit(" ", 1)
        lines.append(f"{series} {float(value) * (seconds if grows else 1.0)}")
    return "\n".join(lines) + "\n"


def _serve(server: HTTPServer, path: Path) -> None:
    text, began = path.read_text(encoding="utf-8"), time.monotonic()

    def answer(_: Request) -> Response:
        return Response(_grown(text, time.monotonic() - began), mimetype="text/plain")

    server.expect_request(f"/{path.stem}").respond_with_handler(answer)


def _config(address: str, machine: str) -> str:
    job = """
  - job_name: {name}
    metrics_path: /{path}
    static_configs: [{{targets: ["{target}"]}}]"""
    jobs = [job.format(name=path.stem, path=path.stem, target=address) for path in EXPOSITIONS]
    jobs.append(job.format(name="node", path="metrics", target=machine))
    return "global: {scrape_interval: 1s}\nscrape_configs:" + "".join(jobs) + "\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped all of them for some seconds."""
    var = tmp_path_factory.mktemp("presets")
    with HTTPServer("127.0.0.1") as server, Stack(var=var) as stack:
        for path in EXPOSITIONS:
            _serve(server, path)
        machine, own = (f"127.0.0.1:{free_port()}" for _ in range(2))
        stack.start("node", "prometheus-node-exporter", f"--web.listen-address={machine}")
        config = _config(f"127.0.0.1:{server.port}", machine)
        (var / "prometheus.yml").write_text(config, encoding="utf-8")
        stack.start(
            "prometheus",
            "prometheus",
            f"--config.file={var / 'prometheus.yml'}",
            f"--storage.tsdb.path={var / 'tsdb'}",
            f"--web.listen-address={own}",
        )
        wait_for("Prometheus", lambda: answers(f"http://{own}/-/ready"), within_s=30)
        found = Prometheus(f"http://{own}")

        def scraped() -> bool:
            counts = found.query("count_over_time(up[1m])", at=clock.now().timestamp())
            return len(counts) > len(EXPOSITIONS) and bool((counts.values >= 12).all())

        wait_for("a dozen scrapes of each", scraped, within_s=60, every_s=1)
        yield found


@pytest.fixture(scope="module")
def survey(source: Prometheus) -> Survey:
    return survey_of(source)


def test_the_survey_finds_names_labels_and_intervals(survey: Survey) -> None:
    assert survey.labels["http_requests_total"] == {"service": 1.0, "code": 1.0, "job": 1.0}
    assert survey.labels["up"] == {"job": 1.0}
    assert "http_server_requests_seconds_bucket" in survey.labels
    assert all(0 < interval < 60 for interval in survey.interval_s.values())
    assert survey.interval_s.keys() == survey.labels.keys()


@pytest.mark.parametrize("preset", METRIC_PRESETS, ids=lambda p: p.name)
def test_every_preset_answers_series_of_named_services(
    source: Prometheus, survey: Survey, preset: Preset
) -> None:
    if preset.unless and survey.labels.keys() & set(preset.unless):
        without = {k: v for k, v in survey.labels.items() if k not in preset.unless}
        survey = Survey(without, survey.interval_s)
    found = fitted(preset, survey)
    assert found is not None, f"needs {sorted(preset.needs)}"
    end = clock.now().timestamp()
    frame = source.query_frame(found.query, start=end - 5, end=end, step_s=5)
    assert len(frame) > 0, found.query
    assert all(labels.get(found.service_label) for labels in frame.labels), found.query
    assert np.isfinite(frame.values[:, -1]).all(), found.query
    assert not frame.warnings
    if preset.unit == "ratio":
        assert (frame.values[:, -1] >= 0).all()


@pytest.mark.parametrize(
    "preset",
    [p for p in METRIC_PRESETS if p.rule in {"saturation", "forecast"}],
    ids=lambda p: p.name,
)
def test_what_is_healthy_is_within_its_limit(
    source: Prometheus, survey: Survey, preset: Preset
) -> None:
    found = fitted(preset, survey)
    assert found is not None
    assert preset.limit is not None
    values = source.query(found.query, at=clock.now().timestamp()).values
    is_within = np.abs(preset.limit - values) > preset.floor
    if "machine" not in preset.name:  # this one's disks and memory are its own affair
        assert is_within.all(), found.query
