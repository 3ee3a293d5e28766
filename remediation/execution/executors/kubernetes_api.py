"""The few calls of the Kubernetes API that acting needs, and what each answer makes certain."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from airra.lib.http import Answer, HttpClient, HttpError
from remediation.execution.base import ExecutorError

Json = Mapping[str, Any]
_MAX_BYTES = 16 * 1024 * 1024
_PAGE = 500
_MAX_OBJECTS = 5000
_MERGE = "application/merge-patch+json"
FIELD_MANAGER = "airra"
TOKEN_S = 600  # the least that a TokenRequest may ask for


class NotThere(ExecutorError):
    """The API has no such object, or no such kind."""


class NotAllowed(ExecutorError):
    """The credential may not read this."""


@dataclass(frozen=True)
class Token:
    text: str
    expires_at: float  # Unix seconds


class Api:
    """One API server with one credential. Reads raise `ExecutorError`; `patch` is judged above."""

    def __init__(self, url: str, *, token: str, timeout_s: float) -> None:
        self._url = url
        self._token = token
        self._timeout_s = timeout_s

    def acting_as(self, token: str) -> "Api":
        return Api(self._url, token=token, timeout_s=self._timeout_s)

    def get(self, path: str) -> Json:
        """One object. Raises `NotThere`, `NotAllowed` or `ExecutorError`."""
        return self._read(path)

    def list(self, path: str, *, selector: str = "") -> list[Json]:
        """All of a kind; an incomplete list is never returned."""
        found: list[Json] = []
        more = ""
        while True:
            asked: dict[str, str | int] = {"limit": _PAGE}
            asked |= {"labelSelector": selector} if selector else {}
            asked |= {"continue": more} if more else {}
            body = self._read(f"{path}?{urlencode(asked)}")
            found += [item for item in body.get("items") or [] if isinstance(item, dict)]
            more = str((body.get("metadata") or {}).get("continue") or "")
            if not more:
                return found
            if len(found) > _MAX_OBJECTS:
                msg = f"{path} lists more than {_MAX_OBJECTS} objects"
                raise ExecutorError(msg)

    def patch(self, path: str, body: Json, *, is_dry: bool = False) -> Answer:
        """One merge patch, never repeated. Raises `HttpError`; every status is returned."""
        asked = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        asked |= {"dryRun": "All"} if is_dry else {}
        content = json.dumps(body, sort_keys=True).encode()
        with self._client() as client:
            return client.patch_bytes(
                f"{path}?{urlencode(asked)}", content, headers={"Content-Type": _MERGE}
            )

    def token_of(self, namespace: str, account: str) -> Token:
        """A token for one action, that dies by itself. Raises `ExecutorError`."""
        path = f"/api/v1/namespaces/{segment(namespace)}/serviceaccounts/{segment(account)}/token"
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_S},
        }
        try:
            with self._client() as client:
                answer = client.post_bytes(
                    path, json.dumps(asked).encode(), headers={"Content-Type": "application/json"}
                )
        except HttpError as error:
            msg = f"no token for {account}: {error}"
            raise ExecutorError(msg) from error
        if answer.status not in {200, 201}:
            msg = f"no token for {account}: {answer.status}, {reason(answer)}"
            raise ExecutorError(msg)
        status = parsed(answer).get("status") or {}
        try:
            until = datetime.fromisoformat(str(status["expirationTimestamp"])).timestamp()
            return Token(str(status["token"]), until)
        except (KeyError, ValueError) as error:
            msg = f"the token of {account} came without its end"
            raise ExecutorError(msg) from error

    def _read(self, path: str) -> Json:
        try:
            with self._client() as client:
                answer = client.get(path)
        except HttpError as error:
            raise ExecutorError(str(error)) from error
        if answer.status == 404:
            raise NotThere(reason(answer))
        if answer.status in {401, 403}:
            msg = f"refused with {answer.status}: {reason(answer)}"
            raise NotAllowed(msg)
        if answer.status != 200:
            msg = f"reading answered {answer.status}: {reason(answer)}"
            raise ExecutorError(msg)
        return parsed(answer)

    def _client(self) -> HttpClient:
        return HttpClient(
            self._url, bearer=self._token, timeout_s=self._timeout_s, max_bytes=_MAX_BYTES
        )


def parsed(answer: Answer) -> Json:
    """The object of an answer. Raises `ExecutorError` when it is none."""
    try:
        body = answer.json()
    except HttpError as error:
        raise ExecutorError(str(error)) from error
    if not isinstance(body, dict):
        msg = "the API server answered something that is no object"
        raise ExecutorError(msg)
    return body


def reason(answer: Answer) -> str:
    """The message of a Status; untrusted, so short and on one line."""
    try:
        body = answer.json()
        text = str(body.get("message") or "") if isinstance(body, dict) else ""
    except HttpError:
        text = ""
    text = text or answer.content[:300].decode(errors="replace")
    return " ".join(text.split())[:200] or "no reason"


def part(item: Json, *path: str) -> Json:
    """The object at `path`; empty where it is left out, as Kubernetes leaves out what is empty."""
    for name in path:
        below = item.get(name)
        item = below if isinstance(below, dict) else {}
    return item


def count(item: Json, name: str, default: int = 0) -> int:
    found = item.get(name, default)
    return found if isinstance(found, int) else default


def segment(text: str) -> str:
    return quote(text, safe="")
