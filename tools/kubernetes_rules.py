"""Prints docs/reference/kubernetes-rules.md from the rules themselves; a test compares the two."""

import sys
from pathlib import Path

import yaml

from analysis.reasoning.kubernetes.engine import TOPICS
from analysis.reasoning.kubernetes.findings import CAUSE, STATE, Rule

FIXTURES = Path(__file__).resolve().parents[1] / "tests/unit/kubernetes/fixtures"
HEAD = """# Rules over Kubernetes objects

What AIRRA makes of a cluster's objects and events. A rule joins two facts: an event and the state
that confirms it, a selector and the labels it should meet, a probe's port and the container's. An
event alone is never enough: most warnings are of a start that went well in the end.

- Each rule follows the page of the [Kubernetes documentation][docs] named with it.
- *cause*: two facts that contradict each other, so what was configured cannot work. *state*:
  trouble that a second fact confirms, whose reason may lie elsewhere. *sign*: weaker than both.
  A single hit may be surer or less sure than its rule, where the text says so.
- *Silent*: the near miss that the rule is tested not to fire on.
- *Fault* is the type the rule stands for. Events are also counted: never above a rule.
- A live cluster tells what the account may list. Secrets and ConfigMaps are never asked for: rules
  that need to know they are absent rest on the event and the waiting container. Rules over logs,
  checks and units of nodes read what a [case folder](../../benchmarks/rca/__main__.py) brings.

[docs]: https://kubernetes.io/docs/
"""


def page() -> str:
    parts = [HEAD]
    for title, rules in TOPICS:
        parts.append(f"## {title}\n")
        parts += [_rule(rule) for rule in rules]
    return "\n".join(parts)


def _rule(rule: Rule) -> str:
    head = (FIXTURES / f"{rule.name}.yaml").read_text(encoding="utf-8").partition("\n---\n")[0]
    silent = yaml.safe_load(head)["near_miss"]
    sure = "cause" if rule.strength >= 0.8 else "state" if rule.strength >= STATE else "sign"
    text = "\n".join(line.strip() for line in rule.text.splitlines())
    return (
        f"### {rule.name.replace('_', ' ')}\n\n"
        f"{text}\n\n"
        f"Silent: {silent}. Fault `{rule.fault}`, {sure} ({rule.strength / CAUSE:.2f}); "
        f"page *{rule.page}*.\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
