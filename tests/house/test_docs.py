"""The documentation: links resolve, tables equal the code, and nothing names a private place."""

import re
from dataclasses import fields
from itertools import product
from pathlib import Path

import pytest

from analysis.reasoning.claims import KINDS, most
from analysis.reasoning.toolbox import CATALOGUE
from analysis.types.known_models import KNOWN_MODELS
from incidents.lifecycle import TRANSITIONS, State
from incidents.permissions import ROLE_PERMISSIONS, Permission, Role
from remediation.decision import table as policy_table
from remediation.execution.protocol import Event, Facts, next_state
from remediation.types import ExecutionState
from tools import kubernetes_rules, presets

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "lab/README.md"])
MADE_BY_TOOLS = {"docs/img/incident.png", "docs/faults.md"}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The page without its code blocks."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors that a forge makes of the headings."""
    heads = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def rows(path: str, header: str) -> list[list[str]]:
    """The body of the table below `header`."""
    text = (ROOT / path).read_text(encoding="utf-8")
    _, found, below = text.partition(header + "\n")
    assert found, f"{path}: no table {header}"
    body = below.splitlines()[1:]
    end = next((i for i, line in enumerate(body) if not line.startswith("|")), len(body))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body[:end]]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_resolve(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.is_relative_to(ROOT), target
        if name(there) in MADE_BY_TOOLS:
            continue
        assert there.exists(), f"{name(page)}: {target}"
        assert not anchor or anchor in anchors(there), f"{name(page)}: {target}"


def test_every_page_is_on_the_map() -> None:
    index = ROOT / "docs/index.md"
    told = {(index.parent / target).resolve() for target in LINK.findall(prose(index))}
    pages = set((ROOT / "docs").rglob("*.md")) - {index}
    assert sorted(map(name, pages - told)) == []


def test_the_lifecycle_table_is_the_codes() -> None:
    told = {
        State(start): {State(to) for to in ends.split(", ") if to}
        for start, ends in rows("docs/reference/lifecycle.md", "| From | To |")
    }
    assert told == TRANSITIONS


def test_every_state_is_explained() -> None:
    told = {State(state) for state, _ in rows("docs/reference/lifecycle.md", "| State | Means |")}
    assert told == set(State)


def test_the_steps_of_an_execution_are_the_codes() -> None:
    told = rows("docs/explain/execution-protocol.md", "| From | Event | To |")
    names = [field.name for field in fields(Facts)]
    every = [
        Facts(**dict(zip(names, said, strict=True)))
        for said in product((False, True), repeat=len(names))
    ]
    found = [
        (state, event, {next_state(state, event, facts) for facts in every} - {None})
        for state in ExecutionState
        for event in Event
    ]
    assert told == [
        [f"`{state}`", f"`{event}`", ", ".join(f"`{to}`" for to in sorted(filter(None, ends)))]
        for state, event, ends in found
        if ends
    ]


def test_the_permission_table_is_the_codes() -> None:
    header = f"| Permission | {' | '.join(Role)} |"
    told = {row[0]: row[1:] for row in rows("docs/reference/permissions.md", header)}
    assert told == {
        permission: ["yes" if permission in ROLE_PERMISSIONS[role] else "no" for role in Role]
        for permission in Permission
    }


def test_the_price_table_is_the_codes() -> None:
    header = "| Model | In | Out | Cache read | Cache write | Long prompts |"
    told = {row[0].split("`")[1]: row[1:5] for row in rows("docs/reference/models.md", header)}
    assert told == {
        name: [
            f"{dollars:g}"
            for dollars in (
                about.price.input,
                about.price.output,
                about.price.cache_read,
                about.price.cache_write,
            )
        ]
        for name, about in KNOWN_MODELS.items()
    }


def test_the_tables_of_tools_and_claims_are_the_codes() -> None:
    page = "docs/explain/evidence.md"
    tools = rows(page, "| Tool | Custody of its answer |")
    assert tools == [[f"`{tool.name}`", tool.custody] for tool in CATALOGUE]
    kinds = rows(page, "| Kind | Code checks | Weight |")
    # A state can weigh more than its row says, which the row says.
    weights = {kind: "strong" if kind == "state" else str(most(kind)) for kind in KINDS}
    assert [[kind, weight] for kind, _, weight in kinds] == [
        [f"`{kind}`", weight] for kind, weight in weights.items()
    ]


def test_the_page_of_kubernetes_rules_is_the_codes() -> None:
    told = (ROOT / "docs/reference/kubernetes-rules.md").read_text(encoding="utf-8")
    assert told == kubernetes_rules.page(), (
        "write it anew: python -m tools.kubernetes_rules > docs/reference/kubernetes-rules.md"
    )


def test_the_page_of_policy_is_the_codes() -> None:
    told = (ROOT / "docs/reference/policy.md").read_text(encoding="utf-8")
    assert told == policy_table.page(), (
        "write it anew: manage.py policy_table > docs/reference/policy.md"
    )


def test_the_page_of_presets_is_the_codes() -> None:
    told = (ROOT / "docs/reference/presets.md").read_text(encoding="utf-8")
    assert told == presets.page(), (
        "write it anew: python -m tools.presets > docs/reference/presets.md"
    )
