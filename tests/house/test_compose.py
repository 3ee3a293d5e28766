"""The compose file: valid by the published schema, and true about this code."""

import importlib.util
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.core.management import get_commands

from airra.lib.jobs import QUEUES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "airra:local")
ACT = "secrets/act/.env"
READ = "secrets/read/.env"


def words(service: str) -> list[str]:
    """The command as it runs: the service's own, or the image's."""
    if "command" in SERVICES[service]:
        return [str(word) for word in SERVICES[service]["command"]]
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert found is not None
    image_command: list[str] = json.loads(found[1])
    return image_command


def queues(service: str) -> list[str]:
    flags = [w.removeprefix("--queues=") for w in words(service) if w.startswith("--queues=")]
    return [queue for flag in flags for queue in flag.split(",")]


def files(service: str) -> list[str]:
    return [entry["path"] for entry in SERVICES[service].get("env_file", [])]


def modules(command: list[str]) -> set[str]:
    """What a command imports by name: `-m x`, `-A x`, `x:object`, and imports of `-c`."""
    told = {b for a, b in pairwise(command) if a in {"-m", "-A"}}
    served = {word.partition(":")[0] for word in command if re.fullmatch(r"[\w.]+:[a-z]+", word)}
    code = [b for a, b in pairwise(command) if a == "-c"]
    imported = {name for text in code for name in re.findall(r"from ([\w.]+) import", text)}
    return told | served | imported


def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)


def test_the_schema_would_notice_a_slip() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    broken = {"services": {"web": {"image": "x", "comand": ["y"]}}}
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.Draft202012Validator(schema).validate(broken)


def test_there_is_no_version_key() -> None:
    assert "version" not in COMPOSE


@pytest.mark.parametrize("service", OURS)
def test_commands_name_real_modules(service: str) -> None:
    for name in modules(words(service)):
        assert importlib.util.find_spec(name) is not None, f"{service}: no module {name}"


@pytest.mark.parametrize("service", OURS)
def test_management_commands_exist(service: str) -> None:
    asked = re.findall(r"manage\.py (\w+)", " ".join(words(service)))
    assert set(asked) <= set(get_commands())


def test_every_process_of_ours_runs_something() -> None:
    named = {s for s in OURS if modules(words(s)) or "manage.py" in " ".join(words(s))}
    assert named == set(OURS)


def test_worker_and_executor_share_the_queues_and_nobody_else_listens() -> None:
    asked = {service: queues(service) for service in OURS if queues(service)}
    assert set(asked) == {"worker", "executor"}
    assert sorted(asked["worker"] + asked["executor"]) == sorted(QUEUES)
    assert asked["executor"] == ["act"]


def test_only_the_executor_has_the_secrets_that_act() -> None:
    assert [service for service in SERVICES if ACT in files(service)] == ["executor"]
    of_the_lab = "AIRRA_SECRET_LAB_CONTROL"
    has = [name for name, made in SERVICES.items() if of_the_lab in made.get("environment", {})]
    assert has == ["executor"]
    assert [service for service in SERVICES if READ in files(service)] == ["web", "worker"]


def test_every_process_knows_its_role() -> None:
    told = {
        name: service["environment"]["AIRRA_ROLE"]
        for name, service in SERVICES.items()
        if "AIRRA_ROLE" in service.get("environment", {})
    }
    assert told == {name: name for name in ("web", "worker", "executor", "beat")}


def test_no_other_secret_is_inline_than_the_labs_published_one() -> None:
    for service in SERVICES.values():
        environment = service.get("environment", {})
        named = {key for key in environment if key.startswith("AIRRA_SECRET_")}
        assert named <= {"AIRRA_SECRET_KEY", "AIRRA_SECRET_LAB_CONTROL"}


def test_passwords_are_asked_for_and_never_defaulted() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name in ("AIRRA_SECRET_KEY", "AIRRA_ADMIN_PASSWORD", "POSTGRES_PASSWORD"):
        uses = re.findall(rf"\$\{{{name}[^}}]*\}}", text)
        assert uses
        assert all(use.startswith(f"${{{name}:?") for use in uses), uses


def test_health_checks_ask_what_the_urls_serve() -> None:
    assert "/ready" in " ".join(SERVICES["web"]["healthcheck"]["test"])
    for service in ("worker", "executor"):
        assert "9100" in " ".join(SERVICES[service]["healthcheck"]["test"])
        assert SERVICES[service]["environment"]["AIRRA_METRICS_PORT"] == "9100"


def test_named_volumes_are_used_and_declared() -> None:
    mounted = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert mounted == set(COMPOSE["volumes"])


def test_mounted_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), source


def _mounts(service: str) -> list[list[str]]:
    return [volume.split(":") for volume in SERVICES[service].get("volumes", [])]


def test_the_kill_file_can_be_made_on_the_host_and_is_seen_by_who_looks() -> None:
    told = SERVICES["executor"]["environment"]["AIRRA_KILL_FILE"]
    assert told == "${AIRRA_KILL_FILE:-/stop/KILL}"
    for service in ("web", "worker", "executor"):
        assert ["./stop", "/stop", "ro"] in _mounts(service)
        assert SERVICES[service]["environment"]["AIRRA_KILL_FILE"] == told


def test_checkpoints_outlive_the_container_that_exports_them() -> None:
    told = SERVICES["worker"]["environment"]["AIRRA_AUDIT_EXPORT_DIR"]
    place = told.removeprefix("${AIRRA_AUDIT_EXPORT_DIR:-").removesuffix("}")
    assert ["audit", place] in _mounts("worker")
    # A new volume takes the owner that the directory has in the image.
    made = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(rf"mkdir {place} && chown -R airra:airra .*{place}", made)


def test_the_image_takes_what_it_needs_and_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    taken = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((ROOT / path).exists() for path in taken)
    packages = {"airra", "incidents", "analysis", "remediation", "lab"}
    assert packages | {"manage.py", "requirements.lock", "static", "templates"} == taken
