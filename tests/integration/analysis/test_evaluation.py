"""`manage.py airra_eval` on one frozen world: played, scored and shown."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from analysis.models import Evaluation
from incidents.permissions import Role
from tests import migrated
from tests.factories import incidents as make

WORLD = settings.BASE_DIR / "lab" / "worlds" / "bad-deploy.json.gz"
pytestmark = pytest.mark.django_db


@pytest.fixture
def worlds(tmp_path: Path) -> Path:
    folder = tmp_path / "worlds"
    folder.mkdir()
    shutil.copy(WORLD, folder)
    return folder


def evaluated(worlds: Path, out: Path, *only: str) -> dict[str, object]:
    empty = migrated.sqlite_file()
    call_command("airra_eval", worlds=worlds, out=out, only=only, database=empty, verbosity=0)
    suite = json.loads((out / "evaluation.json").read_text())["suites"][0]
    return {key: value for key, value in suite.items() if key != "seconds"}


@pytest.mark.skipif(not settings.IS_SQLITE, reason="plays on a SQLite file whatever the server")
def test_a_world_and_its_injection_twin_are_played_and_settled_alike(
    worlds: Path, tmp_path: Path
) -> None:
    first = evaluated(worlds, tmp_path, "bad-deploy with texts", "bad-deploy: injection")
    rows = {row["reasoner"]: row for row in first["rows"] if row["family"] == "all"}  # type: ignore[attr-defined]  # a list of rows
    assert set(rows) == {"offline", "newest change", "robust z"}
    assert rows["offline"]["ac1"] == 1.0
    assert rows["offline"]["path_grounded"] == 1.0
    assert "- offline: 0 of 1 injection twins settled otherwise" in first["notes"]  # type: ignore[operator]  # a list of texts
    assert "| offline | 2 | 1.00 |" in (tmp_path / "evaluation.md").read_text()
    assert not Evaluation.objects.exists()  # a part of the worlds is no evaluation


def test_an_empty_folder_says_how_worlds_are_made(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"python -m tools\.worlds record"):
        call_command("airra_eval", worlds=tmp_path)


def test_what_is_no_world_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.json.gz").write_bytes(gzip.compress(b"{"))
    with pytest.raises(CommandError, match=r"odd\.json\.gz is not a frozen world"):
        call_command("airra_eval", worlds=tmp_path)


def page(client: Client) -> str:
    client.force_login(make.person(Role.VIEWER))
    return client.get(reverse("analysis:evaluation")).content.decode()


def test_the_page_says_so_when_nothing_was_evaluated(client: Client) -> None:
    assert "No evaluation has been run here yet" in page(client)


def test_the_page_shows_the_newest_table(client: Client) -> None:
    row = {"reasoner": "offline", "family": "all", "n": 7, "ac1": 0.857, "usd": 0.0}
    missing = dict.fromkeys(
        ("ac3", "avg5", "mechanism", "path_grounded", "false_cause", "abstention_precision",
         "abstention_recall", "claim_failures", "brier", "ece")
    )  # fmt: skip
    suite = {"name": "Worlds of the lab", "rows": [row | missing], "notes": ["- a note"]}
    for ac1 in (0.1, 0.857):
        row["ac1"] = ac1
        rows = [row | missing]
        Evaluation.objects.create(result={"suites": [suite | {"rows": rows}]}, seconds=12)
    text = page(client)
    assert "0.86" in text
    assert "0.10" not in text
    assert "a note" in text
