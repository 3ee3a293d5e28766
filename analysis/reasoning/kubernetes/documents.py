"""Manifests, however they were saved: objects, lists of them, or YAML and JSON text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from analysis.reasoning.kubernetes.kinds import kind_in

Json = Mapping[str, Any]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def bodies(value: Any, kind: str = "") -> Iterator[dict[str, Any]]:
    """Every object with a kind and a name; what cannot be read is left out.

    `kind` is what the key above it says it is, for objects that leave their own out.
    """
    if isinstance(value, str):
        for document in _parsed(value):
            yield from bodies(document, kind)
    elif isinstance(value, Mapping):
        yield from _of_mapping(value, kind)
    elif isinstance(value, Sequence):
        for part in value:
            yield from bodies(part, kind)


def _of_mapping(value: Json, kind: str) -> Iterator[dict[str, Any]]:
    own = str(value.get("kind") or kind)
    if isinstance(value.get("metadata"), Mapping) and value["metadata"].get("name"):
        if own:
            yield {**value, "kind": own}
    elif isinstance(value.get("items"), Sequence) and not isinstance(value["items"], str):
        # Items of a typed list leave their kind out: PodList says it for them.
        yield from bodies(value["items"], own.removesuffix("List"))
    else:
        for key, part in value.items():
            of = kind_in(str(key)) or kind
            if of and isinstance(part, Mapping) and "spec" in part and "metadata" not in part:
                named = {**part, "metadata": {"name": str(key).rpartition("/")[2]}}
                yield from bodies(named, of)
            else:
                yield from bodies(part, of)


def _parsed(text: str) -> list[Any]:
    if ":" not in text:
        return []
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        return [d for d in yaml.load_all(text, Loader=_LOADER) if isinstance(d, Mapping | list)]
    except yaml.YAMLError:
        return []
