"""From what was collected of a cluster to a `Snapshot`: texts, tables, manifests or API objects."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analysis.reasoning.kubernetes.described import described
from analysis.reasoning.kubernetes.documents import bodies
from analysis.reasoning.kubernetes.kinds import CLUSTER_WIDE, kind_in, kind_of
from analysis.reasoning.kubernetes.model import Event, Line, Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.outline import Entry
from analysis.reasoning.kubernetes.printed import printed
from analysis.reasoning.kubernetes.quantities import age_s
from analysis.reasoning.kubernetes.tables import rows
from analysis.reasoning.kubernetes.units import units

Json = Mapping[str, Any]
_NAMED = ("name", "type", "containerPort")  # what tells items of one list apart
_NAMESPACE = re.compile(r"(?:-n|--namespace)[ =](\S+)")
_WHO = frozenset({"service", "pod", "app", "component", "workload", "deployment", "name"})
_HEADING = re.compile(
    r"^(?:=+>?|#+|-{2,})\s*(?:(?:pod|service|logs of|logs for)[ /:])?([\w./-]+)\W*$"
)
_MAX_LOG_LINES = 5000


def snapshot(
    collected: Json | None, events: Sequence[Json] = (), logs: Sequence[Line] = ()
) -> Snapshot:
    """The snapshot of a case. Any part may be missing or take another shape."""
    found = _Found()
    have = collected or {}
    for body in bodies(have.get("manifests")):
        found.add(body)
    for path, text in _leaves(have.get("describe")):
        for body, entry in described(text, _kind(path)):
            found.add(body)
            found.events += _described_events(body, entry)
    found.read_tables(have.get("tables"), ())
    noted = [e for e in map(_event, events) if e is not None]
    nodes = [thing.name for thing in found.things() if thing.ref.kind == "Node"]
    return Snapshot(
        things=found.things(),
        events=tuple(dict.fromkeys([*noted, *found.events])),
        units=tuple(units(have.get("node_services"), nodes)),
        checks=tuple(_lines(have.get("connectivity"))),
        logs=tuple([*_lines(have.get("error_logs")), *logs][:_MAX_LOG_LINES]),
        listed=frozenset(found.listed),
    )


def of_objects(items: Iterable[Json], events: Sequence[Json], listed: Iterable[str]) -> Snapshot:
    """The snapshot of a live cluster: objects of its API, and the kinds that were listed whole."""
    found = _Found()
    for body in bodies(list(items)):
        found.add(body)
    noted = [e for e in map(_event, events) if e is not None]
    return Snapshot(things=found.things(), events=tuple(noted), listed=frozenset(listed))


class _Found:
    """Objects by kind and name, each filled from every source that tells of it."""

    def __init__(self) -> None:
        self._bodies: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.listed: set[str] = set()
        self.events: list[Event] = []

    def add(self, body: Json) -> None:
        kind = kind_of(str(body.get("kind"))) or str(body.get("kind"))
        metadata = body.get("metadata")
        name = str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""
        if not name or name == "<none>":
            return
        known = self._bodies.setdefault((kind, name), [])
        namespace = _namespace(body)
        for place, one in enumerate(known):
            if kind in CLUSTER_WIDE or not namespace or _namespace(one) in {namespace, ""}:
                known[place] = merged(one, body)
                return
        known.append(dict(body))

    def read_tables(self, value: Any, path: tuple[str, ...]) -> None:
        """Texts by kind, nested in any way; `kubectl get all` names the kind in each row."""
        if isinstance(value, Mapping) and not _is_row(value):
            for key, part in value.items():
                self.read_tables(part, (*path, str(key)))
            return
        kind = _kind(path)
        space = self._space(path)
        for row in rows(value):
            of = (
                kind_of(row.get("NAME", "").partition("/")[0])
                if "/" in row.get("NAME", "")
                else kind
            )
            if space:
                row.setdefault("NAMESPACE", space)
            if of == "Event" or "OBJECT" in row:
                self.events += [e for e in [_event(row)] if e]
            elif of:
                self.add(printed(of, row))
                self.listed.add(of)
        if kind and not str(value).lower().startswith("error"):
            self.listed.add(kind)

    def _space(self, path: Sequence[str]) -> str:
        """The namespace a path names: by `-n`, or by a key that is one of those known."""
        said = _NAMESPACE.search(" ".join(path))
        known = {"default", "kube-system"}
        known.update(_namespace(body) for bodies_ in self._bodies.values() for body in bodies_)
        return said[1] if said else next((key for key in path if key in known and key), "")

    def things(self) -> tuple[Thing, ...]:
        return tuple(
            Thing(Ref(kind, name, "" if kind in CLUSTER_WIDE else _namespace(body)), body)
            for (kind, name), known in self._bodies.items()
            for body in known
        )


def merged(one: Json, other: Json) -> dict[str, Any]:
    """`one` with what only `other` tells; containers, conditions and ports meet by name."""
    made = dict(one)
    for key, value in other.items():
        known = made.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            made[key] = merged(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            made[key] = _merged_items(known, value)
        elif known is None or known in ("", [], {}):
            made[key] = value
    return made


def _merged_items(known: list[Any], others: list[Any]) -> list[Any]:
    if not known:
        return others
    by = next((k for k in _NAMED if isinstance(known[0], Mapping) and k in known[0]), None)
    if by is None:
        return known
    told = {str(o.get(by)): o for o in others if isinstance(o, Mapping)}
    return [merged(k, told.get(str(k.get(by)), {})) if isinstance(k, Mapping) else k for k in known]


def _namespace(body: Json) -> str:
    metadata = body.get("metadata")
    return str(metadata.get("namespace") or "") if isinstance(metadata, Mapping) else ""


def _is_row(value: Json) -> bool:
    """A row by its column of names, or a table of columns and rows."""
    return isinstance(value.get("rows"), list) or any(str(k).upper() == "NAME" for k in value)


def _kind(path: Sequence[str]) -> str:
    """The deepest key that names a kind; `pod/web` is about a Pod, not about a name."""
    for key in reversed(path):
        head = re.split(r"[/: ]", key)[0]
        if found := kind_of(head) or kind_of(key) or (kind_in(key) if " " in key else ""):
            return found
    return next((k for key in path if (k := kind_in(key))), "")


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, (*path, str(key)))
    elif isinstance(value, Sequence):
        if value and all(isinstance(v, str) for v in value):
            yield path, "\n".join(str(v) for v in value)
            return
        for part in value:
            yield from _leaves(part, path)
    elif isinstance(value, bool | int | float):
        yield path, str(value)


def _lines(value: Any, about: str = "") -> Iterator[Line]:
    """Lines with where they were filed; of a list of small objects one line each."""
    if isinstance(value, Mapping):
        who = [str(v) for k, v in value.items() if str(k).lower() in _WHO and isinstance(v, str)]
        if who and not _is_flat(value):
            about = "/".join([about, *who] if about else who)
        for key, part in value.items():
            yield from _lines(part, f"{about}/{key}" if about else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            if isinstance(item, Mapping) and _is_flat(item):
                yield Line(about, " ".join(f"{k}={v}" for k, v in item.items()))
            else:
                yield from _lines(item, about)
    elif value is not None:
        yield from _text_lines(str(value), about)


def _text_lines(text: str, about: str) -> Iterator[Line]:
    """Lines of a text; a heading such as `==> cart <==` or `### cart` files those below it."""
    where = about
    for line in filter(None, map(str.strip, text.splitlines())):
        if found := _HEADING.match(line):
            where = f"{about}/{found[1]}" if about else found[1]
        else:
            yield Line(where, line)


def _is_flat(item: Json) -> bool:
    return all(not isinstance(v, Mapping | list) for v in item.values())


def _event(item: Json) -> Event | None:
    """One event: of a case, a row of `kubectl get events`, or an object of the API."""
    told = {re.sub(r"[_ ]", "", str(k)).lower(): v for k, v in item.items()}
    about = told.get("involvedobject") or told.get("regarding") or told.get("object")
    kind, name = str(told.get("kind") or ""), str(told.get("name") or "")
    namespace = str(told.get("namespace") or "")
    if isinstance(about, Mapping):
        kind, name = str(about.get("kind") or ""), str(about.get("name") or "")
        namespace = str(about.get("namespace") or namespace)
    elif isinstance(about, str) and "/" in about:
        kind, _, name = about.partition("/")
    if "/" in name:
        kind, _, name = name.rpartition("/")
    if not name or not told.get("reason"):
        return None
    age = told.get("age", told.get("lastseen"))
    count = re.search(r"x(\d+)", str(age)) or re.match(r"(\d+)$", str(told.get("count") or ""))
    return Event(
        ref=Ref(kind_of(kind) or kind, name, namespace),
        type=str(told.get("type") or ""),
        reason=str(told["reason"]),
        message=" ".join(str(told.get("message") or told.get("note") or "").split()),
        age_s=age_s(age) if age is not None else None,
        count=int(count[1]) if count else 1,
    )


def _described_events(body: Json, entry: Entry) -> Iterator[Event]:
    block = entry.child("Events")
    namespace = _namespace(body)
    for line in block.raw if block else []:
        cells = re.split(r"\s{2,}", line.strip(), maxsplit=4)
        if len(cells) == 5 and cells[0] in {"Normal", "Warning"}:
            yield Event(
                ref=Ref(str(body["kind"]), str(body["metadata"]["name"]), namespace),
                type=cells[0],
                reason=cells[1],
                message=" ".join(cells[4].split()),
                age_s=age_s(cells[2]),
            )
