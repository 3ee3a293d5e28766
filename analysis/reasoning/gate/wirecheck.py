"""The last look at a body: every text in it, decoded, must be free of secrets and identities."""

import hashlib
import json
from collections.abc import Iterator

from airra.lib.redact import found_in
from analysis.reasoning.gate.pseudonyms import Pseudonyms

# Blocks a vendor wrote itself and wants back unchanged: sealed bytes, not text of ours.
_SEALED = {
    "thinking": "signature",
    "redacted_thinking": "data",
    "reasoning": "encrypted_content",
}


class WireCheck:
    """Remembers which texts were clean: each turn sends the earlier ones again."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._clean: set[bytes] = set()

    def objections(self, body: bytes) -> list[str]:
        """What must not leave and stands in this body, as kinds; empty is clean."""
        if not body:
            return []
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return ["a body that is not JSON"]
        kinds: set[str] = set()
        for text in _texts(document):
            kinds.update(self._secrets(text))
            kinds.update(self._pseudonyms.known_in(text))
        return sorted(kinds)

    def _secrets(self, text: str) -> list[str]:
        mark = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
        if mark in self._clean:
            return []
        found = found_in(text)
        if not found:
            self._clean.add(mark)
        return found


def _texts(value: object) -> Iterator[str]:
    """Every text inside a document, keys too; a field also as `name: value`, so names tell."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        sealed = _SEALED.get(str(value.get("type")))
        for name, part in value.items():
            if name == sealed:
                continue
            yield name
            if isinstance(part, str):
                yield f"{name}: {part}"
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
