"""A worker has no pages: with AIRRA_METRICS_PORT it serves its counters by itself."""

import os
import subprocess
import sys

from tools.stack import ROOT, free_port

READ = """
import django, sys, urllib.request
django.setup()
import airra.lib.metrics
print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=5).read().decode())
"""


def test_the_counters_are_served_on_the_port() -> None:
    port = free_port()
    ours = {
        "DJANGO_SETTINGS_MODULE": "airra.settings_test",
        "AIRRA_METRICS_PORT": str(port),
    }
    done = subprocess.run(
        [sys.executable, "-c", READ, str(port)],
        cwd=ROOT,
        env={**os.environ, **ours},  # noqa: TID251 - the environment of a process of its own
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "airra_deliveries_total" in done.stdout
