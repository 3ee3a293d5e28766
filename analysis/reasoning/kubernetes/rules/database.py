"""Databases: credentials, connections and modes, from what their clients log."""

import hashlib
import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    containers,
    env,
    holders,
    items_of,
    logs_of,
    of_service,
)
from analysis.reasoning.kubernetes.rules.config import references
from analysis.reasoning.kubernetes.rules.routing import addresses, service_named

_DENIED = re.compile(
    r"access denied for user|password authentication failed|authentication failed|NOAUTH"
    r"|WRONGPASS|invalid (?:username|password|credentials)|login failed|ERROR 1045|28P01"
    r"|SCRAM.*fail|auth(?:entication)? error|invalid user",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(
    r"too many (?:connections|clients)|remaining connection slots|max(?:imum)? (?:number of )?"
    r"(?:client|connection)s? (?:limit )?reached|ERROR 1040|connection pool (?:exhausted|timeout)",
    re.IGNORECASE,
)
_READ_ONLY = re.compile(
    r"read[-_ ]only (?:option|transaction|mode|replica|sql)|READONLY You can't write"
    r"|super[-_]read[-_]only|ERROR 1290|cannot execute \w+ in a read-only|not (?:master|primary)",
    re.IGNORECASE,
)
_STORE = re.compile(
    r"mysql|maria|postgres|mongo|redis|valkey|cassandra|etcd|elastic|\bdb\b|-db\b|database|sql",
    re.IGNORECASE,
)
_ENGINES = (  # what it is called, and words only its errors use
    (
        re.compile("mysql|maria|percona", re.IGNORECASE),
        re.compile(
            r"mysql|\bError \d{4}\b|Access denied for user|read-only option|"
            r"Too many connections",
            re.IGNORECASE,
        ),
    ),
    (
        re.compile("postgres|pg", re.IGNORECASE),
        re.compile(
            "postgres|FATAL:|pq:|remaining connection slots|too many clients"
            "|password authentication failed|read-only transaction",
            re.IGNORECASE,
        ),
    ),
    (
        re.compile("redis|valkey", re.IGNORECASE),
        re.compile("redis|NOAUTH|WRONGPASS|READONLY You|max number of clients", re.IGNORECASE),
    ),
    (
        re.compile("mongo", re.IGNORECASE),
        re.compile("mongo|SCRAM|not (?:master|primary)|Authentication failed", re.IGNORECASE),
    ),
)
_SECRETISH = re.compile(r"PASS|PWD|USER|CREDENTIAL|TOKEN|SECRET|DSN|AUTH", re.IGNORECASE)


def _is_store(thing: Thing) -> bool:
    images = " ".join(str(c.get("image")) for c in containers(thing))
    return bool(_STORE.search(thing.name) or _STORE.search(images))


def _stores_of(snap: Snapshot, client: Thing, text: str) -> list[Thing]:
    """Databases a client talks to: those its environment names, the one in the line first."""
    hosts = [host for _, host, _ in addresses(client)]
    services = [s for h in hosts if (s := service_named(snap, h, client.namespace))]
    found = [w for s in services for w in of_service(snap, s) if _is_store(w)]
    every = found or [h for h in holders(snap) if _is_store(h) and h is not client]
    return sorted(every, key=lambda t: (t.name not in text, not _speaks(t, text), t.name))


def _speaks(store: Thing, text: str) -> bool:
    """Whether the words of an error are those of this kind of database."""
    images = " ".join(str(c.get("image")) for c in containers(store))
    return any(
        words.search(text) and kind.search(f"{store.name} {images}") for kind, words in _ENGINES
    )


def _clients(snap: Snapshot, pattern: re.Pattern[str]) -> Iterator[tuple[Thing, str, Thing | None]]:
    for holder in holders(snap):
        said = [t for t in logs_of(snap, holder) if pattern.search(t)]
        if said:
            stores = [] if _is_store(holder) else _stores_of(snap, holder, said[-1])
            yield holder, said[-1], stores[0] if stores else None


@rule(Fault.SECRET, "Secrets")
def credentials_refused(snap: Snapshot) -> Iterator[Hit]:
    """A client logs that its database refuses its credentials, which its spec takes from somewhere.

    They differ from what the database itself, or its other clients, are given: the odd one out
    is at fault. Where all agree, the client is, for it is who is refused.
    """
    told = [t for t in _clients(snap, _DENIED) if t[2] is not None or not _is_store(t[0])]
    for client, text, store in told:
        own = _credentials(client)
        if not own and store is None:
            continue
        others = _credentials(store) if store is not None else {}
        differs = [k for k, v in own.items() if others and v not in others.values()]
        source = ", ".join(f"{k} from {v}" for k, v in own.items() if not differs or k in differs)
        # Everybody is refused: then the database changed.
        all_refused = len(told) >= 2 and store is not None
        chain = about(snap, client)
        if all_refused and store is not None:
            chain = (*about(snap, store), *chain)
        elif store is not None:
            chain = (*chain, *about(snap, store))
        second = f"{client.ref} {source or 'names no credentials'}"
        yield Hit(
            chain,
            (text, second),
            f"{client.name} is refused by its database",
            CAUSE if own else STATE,
        )


def _credentials(holder: Thing | None) -> dict[str, str]:
    """Variables that look like credentials, and where each comes from; never the value itself."""
    if holder is None:
        return {}
    found = {name: _fingerprint(value) for _, name, value in env(holder) if _SECRETISH.search(name)}
    for container in containers(holder):
        for one in items_of(container, "env"):
            source = one.get("valueFrom")
            if isinstance(source, dict) and _SECRETISH.search(str(one.get("name"))):
                to = source.get("secretKeyRef") or source.get("configMapKeyRef") or {}
                found[str(one.get("name"))] = f"{to.get('name')}/{to.get('key')}"
    for name, key, where in references(holder, "Secret"):
        found.setdefault(where, f"{name}/{key}")
    return found


def _fingerprint(value: str) -> str:
    return "a literal value " + hashlib.sha256(value.encode()).hexdigest()[:6]


@rule(Fault.DATABASE, "Run a Single-Instance Stateful Application")
def connections_exhausted(snap: Snapshot) -> Iterator[Hit]:
    """A client logs that its database takes no more connections, and that database is there."""
    yield from _of_store(snap, _TOO_MANY, "takes no more connections")


@rule(Fault.DATABASE, "Run a Replicated Stateful Application")
def database_read_only(snap: Snapshot) -> Iterator[Hit]:
    """A client logs that its database refuses writes, and that database is there."""
    yield from _of_store(snap, _READ_ONLY, "refuses writes")


def _of_store(snap: Snapshot, pattern: re.Pattern[str], words: str) -> Iterator[Hit]:
    for client, text, store in _clients(snap, pattern):
        at_fault = store if store is not None else client
        if store is None and not _is_store(client):
            continue
        second = f"{at_fault.ref} is the database of {client.name}"
        chain: tuple[Ref, ...] = (*about(snap, at_fault), *about(snap, client))
        yield Hit(chain, (text, second), f"{at_fault.name} {words}")


RULES = (credentials_refused, connections_exhausted, database_read_only)
