"""Migrations: none is missing, none is in doubt, and from nothing they lead to the models."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tests import migrated

ROOT = Path(__file__).resolve().parents[2]
OURS = ("incidents", "analysis", "remediation")
FIRST_LOOK = """
import sys
from django.contrib.auth.models import Group
from django.core.management import call_command
from incidents.models import Workspace
call_command("migrate", "--check")
call_command("check", "--database", "default")
assert "scipy.stats" not in sys.modules, "each process would take 45 MB more, and longer to start"
print(Workspace.objects.get().slug, *sorted(Group.objects.values_list("name", flat=True)))
"""


@pytest.mark.django_db
def test_the_models_say_nothing_that_no_migration_does() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db
def test_each_app_has_one_newest_migration() -> None:
    assert MigrationLoader(connection).detect_conflicts() == {}


def test_from_nothing_they_lead_to_a_database_that_needs_no_more(tmp_path: Path) -> None:
    """What a process of its own made of no file at all, as the first start of an installation."""
    migrated.copy_to(tmp_path)
    env = {
        "DJANGO_SETTINGS_MODULE": "airra.settings",
        "AIRRA_SECRET_KEY": "only-for-tests",
        "AIRRA_VAR_DIR": str(tmp_path),
        "AIRRA_LOG_LEVEL": "CRITICAL",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", FIRST_LOOK],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = done.stdout.splitlines()[-1].split()
    assert seen == ["default", "admin", "approver", "responder", "viewer"]


@pytest.mark.parametrize("app", OURS)
def test_what_is_numbered_is_numbered_once(app: str) -> None:
    names = [path.stem for path in (ROOT / app / "migrations").glob("[0-9]*.py")]
    numbers = sorted(int(name.split("_")[0]) for name in names)
    assert numbers == list(range(1, len(numbers) + 1))
