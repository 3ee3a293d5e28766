"""Log lines as templates, online and in bounded memory.

A fixed-depth tree after Drain (He et al., ICWS 2017): lines of one length whose first words agree
meet in one leaf; there the most similar template takes the line and turns words that differ into a
wildcard. Ids, numbers and addresses are masked before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

WILD = "<*>"
_DEPTH = 2  # leading words that choose the leaf
_SIMILAR = 0.5  # share of equal words that makes two lines one template
_MAX_BRANCHES = 100
_MAX_WORDS = 60
_MAX_WORD = 80
_MASKS = (
    ("<uuid>", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    ("<time>", r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"),
    ("<ip>", r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"),
    ("<hex>", r"\b(?:0x[0-9a-fA-F]+|(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{6,})\b"),
    ("<num>", r"(?<![A-Za-z])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?"),
)
_MASK = re.compile("|".join(f"({pattern})" for _, pattern in _MASKS))
_LEVELS = (
    "emergency", "fatal", "panic", "critical", "error", "err", "warn", "warning", "notice", "info",
    "debug", "trace",
)  # fmt: skip
_ERROR_WORDS = re.compile(r"(?i)\b(?:error|exception|fatal|panic|traceback|failed|failure)\b")


def masked(text: str) -> str:
    """The text with ids, times, addresses and numbers replaced by their kind."""
    return _MASK.sub(lambda match: _MASKS[(match.lastindex or 1) - 1][0], text)


def severity(level: str) -> int:
    """Smaller is worse; a level nobody knows counts as information."""
    return _LEVELS.index(level if level in _LEVELS else "info")


def is_error(level: str, text: str) -> bool:
    """By its level; a line without one, by its words."""
    return severity(level) <= severity("err") if level else bool(_ERROR_WORDS.search(text))


def is_warning(level: str) -> bool:
    return severity("err") < severity(level) <= severity("warning")


@dataclass
class Template:
    words: list[str]

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def covers(self, words: list[str]) -> bool:
        return all(a in (b, WILD) for a, b in zip(self.words, words, strict=True))

    def similarity(self, words: list[str]) -> float:
        same = sum(a == b for a, b in zip(self.words, words, strict=True))
        return same / max(len(words), 1)

    def absorb(self, words: list[str]) -> None:
        self.words = [a if a == b else WILD for a, b in zip(self.words, words, strict=True)]


@dataclass
class _Node:
    branches: dict[str, "_Node"] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)


class Miner:
    """Gives each line its template; a template may grow more general as lines come.

    At most `capacity` templates are held: after that, lines no template covers share one catch-all.
    """

    def __init__(self, *, capacity: int = 1000) -> None:
        self._root = _Node()
        self._capacity = capacity
        self._size = 0

    @property
    def is_full(self) -> bool:
        return self._size >= self._capacity

    def restore(self, text: str) -> Template:
        """Hold a template of an earlier miner again."""
        template = Template(text.split(" "))
        self._keep(template)
        return template

    def add(self, text: str) -> Template:
        words = [word[:_MAX_WORD] for word in masked(text).split()[:_MAX_WORDS]] or [""]
        near = [t for leaf in self._leaves(words) for t in leaf.templates]
        covering = [t for t in near if t.covers(words)]
        if covering:
            return min(covering, key=lambda t: t.words.count(WILD))
        best = max(near, key=lambda t: t.similarity(words), default=None)
        if best is not None and best.similarity(words) >= _SIMILAR:
            best.absorb(words)
            return best
        if self.is_full and words != [WILD]:
            return self.add(WILD)
        return self._keep(Template(words))

    def _keep(self, template: Template) -> Template:
        node = self._root.branches.setdefault(str(len(template.words)), _Node())
        for word in template.words[:_DEPTH]:
            key = _key(word)
            if key not in node.branches and len(node.branches) >= _MAX_BRANCHES:
                key = WILD
            node = node.branches.setdefault(key, _Node())
        node.templates.append(template)
        self._size += 1
        return template

    def _leaves(self, words: list[str]) -> Iterator[_Node]:
        """Where a template for these words may stand: under each word, or where words differ."""
        nodes = [self._root.branches.get(str(len(words)), _Node())]
        for word in words[:_DEPTH]:
            keys = dict.fromkeys((_key(word), WILD))
            nodes = [node.branches[key] for node in nodes for key in keys if key in node.branches]
        yield from nodes


def _key(word: str) -> str:
    return WILD if any(c.isdigit() for c in word) or "<" in word else word
