"""Spoils valid deliveries of every format, and reads each: `python -m tools.fuzz_intake`.

Every body has to be read or refused as `Malformed`, in a moment, and with text that can be stored.
Anything else is printed with the body that did it, and the exit is 1.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from incidents.ingest.alerts import MAX_KEY, MAX_TITLE, Batch, Malformed, Message
from incidents.ingest.formats.draft import MAX_URL
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.reading import identity, read
from tests.fakes.payloads.sent import Sent
from tests.fakes.payloads.valid import VALID

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOO_SLOW_S = 2.0
POOL: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 1e308, -1e18, 10**400, 1772365800, "1772365800000", 1.5,
    float("inf"), "", " ", "x", "\x00", "\ud800", "é" * 300, "9" * 500, "null", "$ID", "OK",
    "resolved", "firing", "0001-01-01T00:00:00Z", "2026-03-01T12:00:00",
    "9999-12-31T23:59:59-23:00", "1970-01-01T00:00:00Z", "https://x.example/",
    "javascript:alert(1)", "<script>", "{{ 7*7 }}", "' OR 1=1", "{}", "[]", "[1", [], {}, [[]],
    [None], {"a": None}, {"": ""}, {"a": {"b": ["c"]}}, ["a", 1, None, {}], "x" * 20_000,
)  # fmt: skip
EXPRESSIONS = (
    "title", "@", "*", "labels", "keys(@)", "to_string(@)", "@.*", "[*]", "length(@)", "data.title",
    "[@,@]", "join(',', keys(@))", "values(@)[]", "max_by(values(@), &a)", "..", "a.b[0]", "&title",
    "sort(keys(@))", "not_null(a, title)", "to_number(key)", "floor(to_number(`1e999`))", "alerts",
)  # fmt: skip
PLACES = ("title", "key", "state", "severity", "labels", "starts_at", "items", "resolve_condition")
Path = tuple[str | int, ...]


def places(document: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(document, dict | list) and len(path) < 60:
        steps = document.items() if isinstance(document, dict) else enumerate(document)
        for step, value in steps:
            yield from places(value, (*path, step))


def spoil(document: Any, chance: random.Random) -> Any:
    """The document with one thing changed; may change it in place."""
    path = chance.choice(list(places(document)))
    if not path:
        return deepcopy(chance.choice(POOL)) if chance.random() < 0.3 else document
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if chance.random() < 0.15:
        del place[last]
    elif chance.random() < 0.15 and isinstance(place, dict):
        place[str(chance.choice(POOL))[:50]] = place.pop(last)
    else:
        place[last] = another(place[last], chance)
    return document


def another(value: Any, chance: random.Random) -> Any:
    """Something else in the place of a value."""
    kind = chance.randrange(6)
    if kind == 0:
        return [deepcopy(value) for _ in range(chance.choice((0, 1, 2, 30)))]
    if kind == 1:
        return {"a": value}
    if kind == 2 and isinstance(value, str):
        return _spoilt_text(value, chance)
    if kind == 3:
        return _nested(chance.choice((10, 63, 64, 65, 400)))
    return deepcopy(chance.choice(POOL))


def _nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):  # what is deeper still is made of text, in `raw_of`
        found = [found]
    return found


def _spoilt_text(text: str, chance: random.Random) -> str:
    """JSON within a text is spoilt as JSON; any other text loses, gains or repeats a part."""
    try:
        return json.dumps(spoil(json.loads(text), chance))
    except ValueError:
        at = chance.randrange(len(text) + 1)
        return text[:at] + str(chance.choice(POOL))[:50] + text[at + chance.randrange(3) :]


def raw_of(document: Any, chance: random.Random) -> bytes:
    """The bytes of a document; one in ten is damaged on the way."""
    raw = json.dumps(document, ensure_ascii=chance.random() < 0.9).encode(errors="surrogatepass")
    kind = chance.randrange(50)
    if kind == 0:
        return raw[: chance.randrange(len(raw) + 1)]
    if kind == 1:
        at = chance.randrange(len(raw) + 1)
        return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
    if kind == 2:
        return raw.decode(errors="replace").encode(chance.choice(("utf-16", "utf-32", "utf-8-sig")))
    if kind == 3:
        return b'{"version":' * 50_000 + raw
    return raw


def spoilt(sent: Sent, chance: random.Random) -> Sent:
    if isinstance(sent.body, bytes):
        document = json.loads(sent.body)
    else:
        document = json.loads(json.dumps(sent.body))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        document = spoil(document, chance)
    headers = dict(sent.headers)
    if headers and chance.random() < 0.2:
        headers[chance.choice(list(headers))] = str(chance.choice(POOL))
    if headers and chance.random() < 0.1:
        del headers[chance.choice(list(headers))]
    content_type = sent.content_type
    if chance.random() < 0.1:
        content_type = chance.choice(("", "text/plain", "application/json", "\x00", "a/b;c;d"))
    return Sent(raw_of(document, chance), headers, content_type, sent.channel)


def mapping_for(kind: str, chance: random.Random) -> object:
    if kind not in ("generic", "cloudevents") or chance.random() < 0.5:
        return {}
    names = chance.sample(PLACES, chance.randrange(1, 4))
    return {name: chance.choice((*EXPRESSIONS, *POOL[:8])) for name in names}


def faults(batch: Batch) -> list[str]:
    """Which promises of what is read are broken."""
    promises = {"something, or a word why not": bool(batch.alerts or batch.changes or batch.note)}
    told = [(alert.dedup_key, alert.title, alert.url) for alert in batch.alerts]
    told += [(change.dedup_key, change.title, change.url) for change in batch.changes]
    promises["keys that fit"] = all(0 < len(key) <= MAX_KEY for key, _, _ in told)
    promises["titles that fit"] = all(0 < len(title) <= MAX_TITLE for _, title, _ in told)
    promises["pages that fit"] = all(len(url) <= MAX_URL for _, _, url in told)
    ends = [(alert.ends_at is not None) == alert.is_resolved for alert in batch.alerts]
    promises["an end exactly when over"] = all(ends)
    labels = [dict(alert.labels or {}) for alert in batch.alerts]
    promises["text to store"] = is_storable(repr(batch) + json.dumps(labels, ensure_ascii=False))
    return [promise for promise, is_kept in promises.items() if not is_kept]


def is_storable(text: str) -> bool:
    """No NUL, no half of a surrogate pair."""
    return "\x00" not in text and text.encode(errors="replace").decode() == text


def outcome(kind: str, sent: Sent, mapping: object) -> tuple[str, list[str]]:
    kept = {name: value for name, value in sent.headers.items() if FORMATS[kind].keeps(name)}
    message = Message(sent.raw, NOW, sent.content_type, kept, sent.channel)
    told = identity(kind, message)
    broken = [] if len(told) in (0, 64) and identity(kind, message) == told else ["an identity"]
    try:
        batch = read(kind, message, mapping=mapping)
    except Malformed as wrong:
        is_fit = is_storable(wrong.field + str(wrong))
        return "refused", broken + ([] if is_fit else ["a refusal to store"])
    return "read", broken + faults(batch)


def tried(kind: str, sent: Sent, mapping: object) -> tuple[str, str]:
    """How it went, and what went wrong if it was neither read nor refused."""
    began = time.perf_counter()
    try:
        went, broken = outcome(kind, sent, mapping)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return "other", f"{type(error).__name__}: {error}"
    took = time.perf_counter() - began
    if took > TOO_SLOW_S:
        broken.append(f"it took {took:.1f} s")
    return ("other", ", ".join(broken)) if broken else (went, "")


def fuzz(kind: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    chance = random.Random(f"{seed} {kind}")  # noqa: S311 - to be repeated, not to be secret
    fates: Counter[str] = Counter()
    failures: list[str] = []
    for _ in range(count):
        sent, mapping = spoilt(chance.choice(VALID[kind]), chance), mapping_for(kind, chance)
        fate, why = tried(kind, sent, mapping)
        fates[fate] += 1
        if why and len(failures) < 5:
            failures.append(f"{kind}: {why}\n  {sent.raw[:400]!r}\n  {sent.headers} {mapping}")
    return fates, failures


def row(name: str, fates: Counter[str]) -> str:
    counts = (sum(fates.values()), fates["read"], fates["refused"])
    return f"{name:<18}" + "".join(f"{count:>9}" for count in counts) + f"{fates['other']:>7}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=120_000, help="of all formats together")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    share = -(-asked.bodies // len(VALID))
    total: Counter[str] = Counter()
    failures: list[str] = []
    say(f"{'kind':<18}{'bodies':>9}{'read':>9}{'refused':>9}{'other':>7}{'per s':>8}")
    for kind in VALID:
        began = time.perf_counter()
        fates, failed = fuzz(kind, share, asked.seed)
        rate = share / (time.perf_counter() - began)
        total += fates
        failures += failed
        say(row(kind, fates) + f"{rate:>8.0f}")
    say(row("all", total))
    say("\n".join(failures))
    return 1 if total["other"] else 0


if __name__ == "__main__":
    sys.exit(main())
