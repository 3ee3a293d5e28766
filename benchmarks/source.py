"""`python -m benchmarks.source`: a metric source that answers at once, for timing what asks it.

It speaks just enough of Prometheus' API: every query answers the same number of series, whose
values are noise around a level. What it costs is formatting, so that the asker is what is timed.
"""

import argparse
import json
import random
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs


class Handler(BaseHTTPRequestHandler):
    heads: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(b"ready")

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(size).decode()).items()}
        self._send(self._vector(form) if "time" in form else self._matrix(form))

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _vector(self, form: dict[str, str]) -> bytes:
        return self._answer("vector", f'"value":[{form["time"]},"1"]')

    def _matrix(self, form: dict[str, str]) -> bytes:
        start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        points = [
            [start + i * step, f"{random.gauss(10, 1):.4f}"]
            for i in range(int((end - start) / step) + 1)
        ]
        return self._answer("matrix", f'"values":{json.dumps(points)}')

    def _answer(self, kind: str, values: str) -> bytes:
        rows = f",{values}}},".join(self.heads) + f",{values}}}"
        text = f'{{"status":"success","data":{{"resultType":"{kind}","result":[{rows}]}}}}'
        return text.encode()

    def log_message(self, *_: object) -> None:
        """Say nothing: the benchmark prints its own table."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--series", type=int, default=5_000)
    args = parser.parse_args()
    Handler.heads = [
        f'{{"metric":{{"service":"service-{i % 200}","instance":"{i}"}}' for i in range(args.series)
    ]
    ThreadingHTTPServer(("127.0.0.1", args.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
