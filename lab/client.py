"""A small client of a running lab, for the command line and the self check."""

import json
import time
import uuid
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote, urlsplit

from lab.control.signature import sign
from lab.jsontypes import JSON

TIMEOUT_S: Final = 40.0


class LabError(RuntimeError):
    """The lab cannot be reached or refused."""


class LabClient:
    def __init__(self, url: str, *, secret: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._secret = secret

    def get(self, path: str) -> Any:
        return self._send("GET", path, b"", {})

    def post(self, path: str, body: JSON) -> JSON:
        payload = json.dumps(body).encode()
        answer: JSON = self._send("POST", path, payload, {"Content-Type": "application/json"})
        return answer

    def act(self, body: JSON) -> JSON:
        """Ask for an action under a fresh key, and wait until it is no longer in progress."""
        payload = json.dumps(body).encode()
        stamp = str(int(time.time()))
        key = uuid.uuid4().hex
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "X-AIRRA-Timestamp": stamp,
            "X-AIRRA-Signature": sign(self._secret, stamp, payload),
        }
        answer: JSON = self._send("POST", "/control/v1/actions", payload, headers)
        while answer["state"] == "in_progress":
            time.sleep(0.5)
            answer = self.get(f"/control/v1/actions/{key}")
        return answer

    def number(self, query: str) -> float | None:
        """The value of an instant query with one answer; None when it has none."""
        result = self.get(f"/api/v1/query?query={quote(query)}")["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        connection = HTTPConnection(self._netloc, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except OSError as exc:
            raise LabError(f"no lab answers at {self._netloc}: {exc}") from None
        finally:
            connection.close()
        if response.status >= 400:
            raise LabError(f"{method} {path}: {response.status} {text}")
        return json.loads(text)
