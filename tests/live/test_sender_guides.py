"""What the guides tell people to paste at a sender, asked of the sender's own tool."""

import re
import subprocess
from pathlib import Path
from textwrap import dedent, indent

import pytest

from tools.stack import ROOT

pytestmark = pytest.mark.live


def blocks(guide: str, kind: str) -> list[str]:
    text = (ROOT / "docs" / "guides" / guide).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [dedent(block) for _, block in found]


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)


def told(tmp_path: Path, receivers: str, route: str) -> str:
    """Who hears of an alert, beside the `pager` people have had all along."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(f"{receivers}  - name: pager\n{route}", encoding="utf-8")
    checked = amtool("check-config", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    routed = amtool("config", "routes", "test", f"--config.file={path}", "severity=critical")
    return routed.stdout.strip()


def test_the_guide_to_alertmanager_takes_nothing_from_the_pager(tmp_path: Path) -> None:
    receivers, route = blocks("connect-alertmanager.md", "yaml")
    assert told(tmp_path, receivers, route) == "airra,pager"


def test_alertmanager_takes_the_receiver_of_the_guide_to_pagerduty(tmp_path: Path) -> None:
    (receiver,) = blocks("connect-pagerduty.md", "yaml")
    receivers = "receivers:\n  - name: airra\n" + indent(receiver, "    ")
    assert told(tmp_path, receivers, "route: {receiver: airra}\n") == "airra"
