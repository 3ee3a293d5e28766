"""What an alert is about: its kind without particulars, the services and hosts that it names."""

import re
from collections.abc import Iterator, Mapping, Sequence

from rapidfuzz import fuzz

MAX_KIND = 160
_NAMES = ("alertname", "rule", "rulename", "monitor", "check")
_HOSTS = ("pod", "instance", "host", "hostname", "node")
# Numbers, addresses, hashes: what tells two alerts of one kind apart.
_PARTICULAR = re.compile(r"\b(?=\w*\d)[\w.:%/-]+|[^\w\s]", re.ASCII)
# Trouble inside of a service, as against waiting for others or failing because of them.
_OWN = re.compile(
    r"cpu|throttl|memory|oom|heap|garbage|disk|filesystem|volume|inode|\bio\b|restart|crash"
    r"|liveness|readiness|replica|deploy|rollout|image.?pull|evict|pool|file.?descriptor"
    r"|hardware|kernel|node.?not.?ready",
    re.IGNORECASE,
)
# What nobody's request waits for: it wants doing some day, and explains no other trouble.
_CHORE = re.compile(
    r"certificate|\bexpir|licen[cs]e|backup|nightly|cron.?job|\bcron\b|clock.?skew|\bclock\b|\bntp\b"
    r"|\bin \d+ days|image.?pull.?slow|pulling the image|vulnerabilit|\bpatch",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", re.ASCII)


def kind_of(title: str, labels: Mapping[str, str], places: Sequence[str]) -> str:
    """The name of its rule where it has one, else its title; with the services that it names."""
    name = next((labels[label] for label in _NAMES if labels.get(label)), "") or title
    for place in places:
        name = name.lower().replace(place.lower(), " ")
    plain = " ".join(_PARTICULAR.sub(" ", name.lower()).split())
    return f"{plain} @ {', '.join(places).lower()}"[:MAX_KIND]


def likeness(one: str, other: str) -> float:
    """How alike two titles read, 0 to 1, whatever the order of their words.

    The better of the whole titles and of what stands before a colon, where senders put the name.
    """
    whole = fuzz.token_sort_ratio(one, other)
    heads = fuzz.token_sort_ratio(one.split(":", maxsplit=1)[0], other.split(":", maxsplit=1)[0])
    return float(max(whole, heads)) / 100.0


def hosts_of(labels: Mapping[str, str]) -> frozenset[str]:
    return frozenset(labels[name] for name in _HOSTS if labels.get(name))


def places_of(
    service: str, title: str, labels: Mapping[str, str], known: Mapping[str, str]
) -> tuple[str, ...]:
    """The services an alert names, where it is at home first: its own, else that of its host.

    `known` leads from a name in lower case to the name as it is written.
    """
    texts = (*(labels[name] for name in _HOSTS if labels.get(name)), title, *labels.values())
    named = (known[name] for text in texts for name in _names(text, known))
    return tuple(dict.fromkeys((service, *named) if service else named))


def _names(text: str, known: Mapping[str, str]) -> Iterator[str]:
    """`payments-7d9f8b6c-x2x9k` names a pod of `payments`: the longest known beginning counts.

    No shorter one does: where `payments-db` is a service, it is not `payments`.
    """
    for token in _TOKEN.findall(text.lower()):
        parts = token.split("-")
        beginnings = ("-".join(parts[:end]) for end in range(len(parts), 0, -1))
        name = next((beginning for beginning in beginnings if beginning in known), None)
        if name is not None:
            yield name


def is_own(title: str) -> bool:
    """Whether an alert tells of trouble inside of its service: of resources, starts, releases."""
    return bool(_OWN.search(title))


def is_chore(title: str) -> bool:
    """Whether an alert tells of work to be done some day, which no other trouble comes from."""
    return bool(_CHORE.search(title))


def without_places(kind: str) -> str:
    """A kind of alert (`kind_of`) without the services that it names."""
    return kind.rpartition(" @ ")[0]
