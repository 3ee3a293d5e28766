"""A real Prometheus with hours of history made for a benchmark, and what its rules cost it."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from airra.lib.http import HttpClient
from analysis.types import Floats
from tools.stack import answers, free_port, wait_for

METRIC = "bench_request_seconds"
_EVERY_S = 5
# A band of mean and deviation over the window, and the alert on leaving it: what PromQL can say.
_RULES = """
groups:
  - name: bands
    interval: {every}s
    rules:
      - record: bench:mid
        expr: avg_over_time({metric}[{window}s])
      - record: bench:deviation
        expr: stddev_over_time({metric}[{window}s])
      - alert: OutOfBand
        expr: abs({metric} - bench:mid) > 3 * bench:deviation
"""


@dataclass(frozen=True)
class Server:
    url: str
    process: psutil.Process

    def cpu_s_of_rules(self, rounds: int) -> float:
        """CPU seconds of one evaluation of the group, less what the idle server uses."""
        with HttpClient(self.url) as http:
            began, cpu = _evaluations(http), self._cpu_s()
            wait_for(
                "rule evaluations",
                lambda: _evaluations(http) >= began + rounds,
                within_s=60 + rounds * _EVERY_S * 4,
            )
            return (self._cpu_s() - cpu) / (_evaluations(http) - began)

    def _cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


def _evaluations(http: HttpClient) -> int:
    lines = http.get("/metrics").content.decode().splitlines()
    found = [line for line in lines if line.startswith("prometheus_rule_group_iterations_total{")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))


@contextmanager
def running(values: Floats, times: Floats) -> Iterator[Server]:
    """A server that holds `values` (series x points), gone with all it stored at the end.

    Raises RuntimeError where Prometheus is not installed (`tools/debian.sh` installs Debian's).
    """
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        msg = "no prometheus here; run: tools/debian.sh prometheus=prometheus"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory(prefix="airra-bench-") as place:
        root = Path(place)
        _fill(root, values, times)
        window = int(times[-1] - times[0])
        (root / "rules.yml").write_text(
            _RULES.format(metric=METRIC, window=window, every=_EVERY_S), encoding="utf-8"
        )
        (root / "prometheus.yml").write_text("rule_files: [rules.yml]\n", encoding="utf-8")
        port = free_port()
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={root / 'prometheus.yml'}",
                f"--storage.tsdb.path={root / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ]
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for("Prometheus", lambda: answers(f"{url}/-/ready"), within_s=60)
            yield Server(url, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(timeout=30)


def _fill(root: Path, values: Floats, times: Floats) -> None:
    with (root / "history.txt").open("w", encoding="utf-8") as file:
        file.write(f"# TYPE {METRIC} gauge\n")
        for row, own in enumerate(values):
            name = f'{METRIC}{{service="service-{row:05d}"}}'
            file.writelines(f"{name} {v:.6g} {at:.0f}\n" for at, v in zip(times, own, strict=True))
        file.write("# EOF\n")
    subprocess.run(
        [
            "promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet",
            str(root / "history.txt"), str(root / "data"),
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (root / "history.txt").unlink()


def now_on_grid(step_s: int) -> float:
    return float(int(time.time()) // step_s * step_s)
