"""A sender under our control: many connections, one alert a delivery, and patience as Alertmanager.

Alertmanager sends again after a 5xx, a 429 and a broken connection, until it is answered 2xx.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

SERVICES = 30


def body_of(name: str, number: int) -> bytes:
    """One alert as Alertmanager 0.27 posts it."""
    service = f"service-{number % SERVICES}"
    labels = {"alertname": name, "service": service, "severity": "warning", "instance": str(number)}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{service} answers 5xx to more than 5 % of its callers"},
        "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0",
        "fingerprint": f"{name}-{number}",
    }
    document = {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}", instance="{number}"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "airra",
        "groupLabels": {"alertname": name},
        "commonLabels": labels,
        "commonAnnotations": alert["annotations"],
        "externalURL": "http://alertmanager.example:9093",
        "alerts": [alert],
    }
    return json.dumps(document).encode()


@dataclass
class Outcome:
    """What the answers were, and how long each took from the moment it should have been sent."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    broken: int = 0

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds if self.seconds else 0.0

    def quantile_ms(self, q: float) -> float:
        found = sorted(self.waits)
        return found[min(int(len(found) * q), len(found) - 1)] * 1000 if found else 0.0


class _Connection:
    """One kept-alive connection, cheap enough not to measure itself."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self._port, self._sock = port, None
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: "
        ).encode()

    def post(self, body: bytes) -> int:
        """The status. Raises OSError when the connection broke."""
        if self._sock is None:
            self._sock = socket.create_connection(("127.0.0.1", self._port), timeout=20)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._sock.sendall(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
            return self._answer()
        except OSError:
            self.close()
            raise

    def _answer(self) -> int:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._part()
        head, _, rest = got.partition(b"\r\n\r\n")
        lowered = head.lower()
        length = int(lowered.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._part()
        if b"connection: close" in lowered:
            self.close()
        return int(head[9:12])

    def _part(self) -> bytes:
        assert self._sock is not None  # noqa: S101 - `post` has connected
        part = self._sock.recv(65536)
        if not part:
            msg = "closed in the middle of an answer"
            raise ConnectionError(msg)
        return part

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    _sock: socket.socket | None


def send(
    *,
    port: int,
    path: str,
    token: str,
    name: str,
    connections: int = 8,
    for_s: float = 0,
    deliveries: int = 0,
    per_s: float = 0,
) -> Outcome:
    """As fast as it goes for `for_s` or for so many `deliveries`; at most `per_s` when given."""
    outcome, lock = Outcome(), threading.Lock()
    begun = time.monotonic()
    numbers = _numbers(deliveries, begun + for_s if for_s else 0.0)

    def one() -> None:
        connection = _Connection(port, path, token)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            due = begun + number / per_s if per_s else time.monotonic()
            time.sleep(max(due - time.monotonic(), 0))
            _deliver(connection, body_of(name, number), due, outcome, lock)
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.seconds = time.monotonic() - begun
    return outcome


def _deliver(
    connection: _Connection, body: bytes, due: float, outcome: Outcome, lock: threading.Lock
) -> None:
    """Until it is answered 2xx."""
    pause_s = 0.1
    while True:
        try:
            status = connection.post(body)
        except OSError:
            status = 0
        with lock:
            outcome.broken += status == 0
            outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
        if 200 <= status < 300:
            with lock:
                outcome.waits.append(time.monotonic() - due)
            return
        if 400 <= status < 500 and status != 429:
            msg = f"refused for good: {status}"
            raise RuntimeError(msg)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 2.0)


def _numbers(deliveries: int, until: float) -> Iterator[int]:
    number = 0
    while number < deliveries if deliveries else time.monotonic() < until:
        yield number
        number += 1
