"""Services of nodes (`systemctl status`), from texts or from a word each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.reasoning.kubernetes.model import Unit

_HEAD = re.compile(r"^\s*[●○×*↻x]?\s*(?P<name>[\w@.-]+)\.service\b")
_ACTIVE = re.compile(r"^\s*Active:\s*(?P<state>\S+)")
_SHORT = re.compile(r"^\s*(?P<name>[\w@.-]+?)(?:\.service)?\s*[:=]\s*(?P<state>\S.*)$")
_UP = frozenset({"active", "running", "ok", "healthy", "up", "true", "started", "enabled"})
_DOWN = frozenset(
    {"inactive", "failed", "dead", "stopped", "down", "unhealthy", "false", "exited",
     "deactivating", "activating", "not-found", "unreachable", "error"}
)  # fmt: skip
_FIELDS = ("status", "state", "active", "active_state", "activestate", "is_active", "sub_state")


def units(value: Any, nodes: Sequence[str]) -> Iterator[Unit]:
    """`nodes` are the known node names, to tell a node's key from a service's."""
    seen: set[tuple[str, str]] = set()
    for unit in _units(value, (), frozenset(nodes)):
        if (unit.node, unit.name) not in seen:
            seen.add((unit.node, unit.name))
            yield unit


def _units(value: Any, path: tuple[str, ...], nodes: frozenset[str]) -> Iterator[Unit]:
    if isinstance(value, Mapping):
        yield from _of_mapping(value, path, nodes)
    elif (isinstance(value, str) and "\n" in value) or "Active:" in str(value):
        yield from _of_text(str(value), path, nodes)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _units(part, path, nodes)
    elif (up := _is_up(str(value))) is not None and path:
        node, name = _who(path, nodes)
        yield Unit(node, name, up, f"{name} on {node}: {value}")


def _of_mapping(
    value: Mapping[str, Any], path: tuple[str, ...], nodes: frozenset[str]
) -> Iterator[Unit]:
    told = {str(k).lower(): v for k, v in value.items()}
    state = next((told[f] for f in _FIELDS if isinstance(told.get(f), str | bool)), None)
    if state is None:
        for key, part in value.items():
            yield from _units(part, (*path, str(key)), nodes)
        return
    name = str(told.get("service") or told.get("unit") or told.get("name") or "")
    node = str(told.get("node") or told.get("host") or "")
    where = tuple(word for word in (*path, node, name) if word)
    if "Active:" in str(state) or "\n" in str(state):
        yield from _of_text(str(state), where, nodes)
    elif (up := _is_up(str(state))) is not None and where:
        node, name = _who(where, nodes)
        yield Unit(node, name, up, f"{name} on {node}: {state}")


def _of_text(text: str, path: tuple[str, ...], nodes: frozenset[str]) -> Iterator[Unit]:
    """Blocks of `systemctl status`, or lines such as `kubelet: active`."""
    node, name = _who(path, nodes)
    for line in text.splitlines():
        if head := _HEAD.match(line):
            name = head["name"]
        elif found := _ACTIVE.match(line):
            yield Unit(node, name, found["state"] == "active", f"{name} on {node}: {line.strip()}")
        elif (short := _SHORT.match(line)) and "Active:" not in text:
            up = _is_up(short["state"])
            if up is not None:
                yield Unit(node, short["name"], up, f"on {node} {line.strip()}")


def _is_up(text: str) -> bool | None:
    words = re.findall(r"[a-z-]+", text.lower())
    if any(word in _DOWN for word in words):
        return False
    return True if any(word in _UP for word in words) else None


def _who(path: tuple[str, ...], nodes: frozenset[str]) -> tuple[str, str]:
    """Node and service among the keys above; an unknown node is the first key."""
    node = next((word for word in path if word in nodes), path[0] if len(path) > 1 else "")
    rest = [word for word in path if word != node]
    if not node and len(path) == 1 and path[0] not in nodes:
        node = path[0] if not rest else ""
    return node, (rest[-1] if rest else "").removesuffix(".service")
