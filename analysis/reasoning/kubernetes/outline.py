"""The outline `kubectl describe` prints: keys, values and what is indented below them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ENTRY = re.compile(r"^(?P<key>[^:]+?(?:/[^:\s]+)?):(?:\s+(?P<value>.*))?$")


@dataclass
class Entry:
    """`Key:  value` with the entries below it; `lines` are those below that are none."""

    key: str
    value: str = ""
    children: list["Entry"] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)  # every line below it, as it stands

    def child(self, *keys: str) -> "Entry | None":
        """The entry at this path, compared without case."""
        here = self
        for key in keys:
            found = next((c for c in here.children if c.key.lower() == key.lower()), None)
            if found is None:
                return None
            here = found
        return here

    def text(self, *keys: str) -> str:
        """Its value; empty where it is left out or printed as `<none>`."""
        found = self.child(*keys)
        value = found.value if found else ""
        return "" if value in {"<none>", "<unset>", "<unknown>"} else value

    def values(self, *keys: str) -> list[str]:
        """Its value and the lines that continue it."""
        found = self.child(*keys)
        if found is None:
            return []
        lines = [found.value, *(line.strip() for line in found.raw)]
        return [line for line in lines if line and line != "<none>"]

    def pairs(self, *keys: str, mark: str = "=") -> dict[str, str]:
        """`a=b` lines as a dictionary."""
        found: dict[str, str] = {}
        for line in self.values(*keys):
            for part in line.split(",") if mark == "=" else [line]:
                key, separator, value = part.strip().partition(mark)
                if separator and key:
                    found[key.strip()] = value.strip()
        return found


def outlines(text: str) -> Iterator[Entry]:
    """One outline for each object: a new one begins at every `Name:` in the first column."""
    lines: list[str] = []
    for line in text.splitlines():
        if re.match(r"Name:\s", line) and any(x.startswith("Name:") for x in lines):
            yield outline(lines)
            lines = []
        lines.append(line)
    if any(re.match(r"Name:\s", line) for line in lines):
        yield outline(lines)


def outline(lines: list[str]) -> Entry:
    root = Entry("")
    stack: list[tuple[int, Entry]] = [(-1, root)]
    for line in lines:
        text = line.strip()
        if not text:
            continue
        indent = len(line) - len(line.lstrip())
        while stack[-1][0] >= indent:
            stack.pop()
        for _, entry in stack:
            entry.raw.append(line)
        found = _ENTRY.match(text)
        if found is None:
            stack[-1][1].lines.append(text)
            continue
        entry = Entry(found["key"].strip(), (found["value"] or "").strip())
        stack[-1][1].children.append(entry)
        stack.append((indent, entry))
    return root
