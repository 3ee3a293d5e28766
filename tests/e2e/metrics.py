"""A Prometheus for looking at pages."""

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from tests.e2e.seed import sample

SERVICES = ("payments", "checkout", "gateway", "search", "inventory", "database")


class Metrics(BaseHTTPRequestHandler):
    """A Prometheus that answers every query with the waves of the seed."""

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        data = self._instant(form) if "time" in form else self._range(form)
        body = {"status": "success", "data": data}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    @staticmethod
    def _instant(form: dict[str, list[str]]) -> dict[str, Any]:
        at = float(form["time"][0])
        value = [at, str(sample(form["query"][0], "payments", at, time.time()))]
        result = [{"metric": {"service": name}, "value": value} for name in SERVICES]
        return {"resultType": "vector", "result": result}

    @staticmethod
    def _range(form: dict[str, list[str]]) -> dict[str, Any]:
        query, now = form["query"][0], time.time()
        start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
        times = [start + i * step for i in range(int((end - start) / step) + 1)]
        result = [
            {
                "metric": {"service": name},
                "values": [[at, str(sample(query, name, at, now))] for at in times],
            }
            for name in SERVICES
        ]
        return {"resultType": "matrix", "result": result}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass
