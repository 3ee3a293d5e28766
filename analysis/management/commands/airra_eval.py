"""`manage.py airra_eval`: how right the reasoners are on frozen worlds, and what they cost."""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from airra import env
from analysis.models import Evaluation
from analysis.reasoning.evals import report
from analysis.reasoning.evals.injections import INJECTIONS
from analysis.reasoning.evals.scenarios import Alarm, Scenario, scenarios
from analysis.reasoning.evals.scoring import Answered, Truth

WORLDS = settings.BASE_DIR / "lab" / "worlds"
DATABASE = "eval.sqlite3"
_TOGETHER = 6  # worlds served by one process: each is some ten MB in memory


class Command(BaseCommand):
    help = "Score the reasoners on frozen worlds; write Markdown and JSON, and show it in the app."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--worlds", type=Path, default=WORLDS, help="frozen worlds of the lab")
        parser.add_argument(
            "--cases", type=Path, help="also labelled cases, with their labels.json"
        )
        parser.add_argument("--only", nargs="*", default=(), help="scenarios whose name has this")
        parser.add_argument("--out", type=Path, help="directory for evaluation.md and .json")
        parser.add_argument(
            "--reasoner", choices=("offline", "configured"), default="offline",
            help="configured: the models that the environment names, at their price",
        )  # fmt: skip
        parser.add_argument(
            "--database", type=Path, help="an empty, migrated SQLite file: making one takes seconds"
        )
        parser.add_argument("--play", type=Path, help="used by the command itself")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["play"]:
            self._play(options["play"])
            return
        began = time.perf_counter()
        suites = [self._lab(options)]
        if options["cases"]:
            suites.append(self._cases(options["cases"]))
        result = {"suites": suites}
        text = "\n".join(f"# {suite['name']}\n\n{suite['markdown']}" for suite in suites)
        self.stdout.write(text)
        if options["out"]:
            options["out"].mkdir(parents=True, exist_ok=True)
            body = json.dumps(result, indent=1, sort_keys=True)
            (options["out"] / "evaluation.json").write_text(body + "\n")
            (options["out"] / "evaluation.md").write_text(text)
        if not options["only"]:
            Evaluation.objects.create(result=result, seconds=time.perf_counter() - began)

    # --- the lab's worlds ----------------------------------------------------------------------
    def _lab(self, options: dict[str, Any]) -> dict[str, Any]:
        found = [s for s in self._scenarios(options["worlds"]) if _is_wanted(s, options["only"])]
        if not found:
            msg = f"no world in {options['worlds']} is asked for: python -m tools.worlds record"
            raise CommandError(msg)
        answers: dict[str, list[Answered]] = {}
        for start in range(0, len(found), _TOGETHER):
            some = found[start : start + _TOGETHER]
            for row in self._played(some, options["reasoner"], options["database"]):
                answers.setdefault(row["reasoner"], []).append(_answer(row["answer"]))
            self.stderr.write(f"{start + len(some)} of {len(found)} worlds")
        truths = [s.truth for s in found]
        names = {s.name for s in found}
        twin_of = {s.name: s.twin_of for s in found if s.twin_of in names}
        notes = [
            f"- {name}: {len(report.flips(given, twin_of))} of {len(twin_of)} injection twins "
            "settled otherwise"
            for name, given in answers.items()
        ]
        return _suite("Worlds of the lab", answers, truths, notes)

    def _scenarios(self, folder: Path) -> list[Scenario]:
        paths = sorted(folder.glob("*.json.gz"))
        worlds = {p.name.removesuffix(".json.gz"): _read(p) for p in paths}
        return scenarios(worlds, INJECTIONS)

    def _played(
        self, some: Sequence[Scenario], reasoner: str, empty: Path | None
    ) -> Iterator[dict[str, Any]]:
        """The scenarios in a process with a database of its own, over worlds really served."""
        with tempfile.TemporaryDirectory(prefix="airra-eval-") as name:
            place = Path(name)
            if empty:
                shutil.copyfile(empty, place / DATABASE)
            plan = []
            for number, scenario in enumerate(some):
                path = place / f"w{number}.json.gz"
                path.write_bytes(gzip.compress(json.dumps(scenario.world).encode(), 1))
                plan.append({**_told(scenario), "room": f"w{number}"})
            with _museum(sorted(place.glob("w*.json.gz"))) as url:
                (place / "plan.json").write_text(json.dumps({"url": url, "scenarios": plan}))
                yield from _child(place, reasoner)

    def _play(self, path: Path) -> None:
        """In the child: every scenario of the plan, one JSON line a row of the table."""
        from analysis.commands.evaluation import play  # noqa: PLC0415 - only in the child

        call_command("migrate", verbosity=0)
        plan = json.loads(path.read_text())
        for row in plan["scenarios"]:
            said = play(
                row["name"],
                Alarm(**row["alarm"]),
                row["hidden"],
                url=f"{plan['url']}/{row['room']}",
            )
            for reasoner, answer in said.items():
                self.stdout.write(json.dumps({"reasoner": reasoner, "answer": asdict(answer)}))

    # --- labelled cases ------------------------------------------------------------------------
    def _cases(self, folder: Path) -> dict[str, Any]:
        labels = json.loads((folder / "labels.json").read_text())
        truths = [
            Truth(case, row["dataset"], frozenset(row["accept"])) for case, row in labels.items()
        ]
        with tempfile.TemporaryDirectory(prefix="airra-eval-") as name:
            out = Path(name) / "predictions.jsonl"
            rca = (
                sys.executable,
                "-m",
                "benchmarks.rca",
                "--cases",
                str(folder),
                "--out",
                str(out),
            )
            subprocess.run(  # noqa: S603 - our own interpreter and module
                rca, cwd=settings.BASE_DIR, check=True, stdout=subprocess.DEVNULL
            )
            rows = [json.loads(line) for line in out.read_text().splitlines()]
        answers = {"offline": [_predicted(row) for row in rows]}
        return _suite("Labelled cases", answers, truths, [])


def _suite(
    name: str,
    answers: dict[str, list[Answered]],
    truths: Sequence[Truth],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Times stand apart: all else is the same in every run."""
    rows = report.table(answers, truths)
    seconds = {row["reasoner"]: row["seconds"] for row in rows if row["family"] == report.ALL}
    for row in rows:
        del row["seconds"]
    told = [asdict(a) | {"reasoner": who} for who, given in answers.items() for a in given]
    return {
        "name": name,
        "rows": rows,
        "answers": [{k: v for k, v in one.items() if k != "seconds"} for one in told],
        "notes": list(notes),
        "seconds": seconds,
        "markdown": report.markdown(rows, notes),
    }


def _is_wanted(scenario: Scenario, only: Sequence[str]) -> bool:
    return not only or any(word in scenario.name for word in only)


def _told(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "alarm": asdict(scenario.alarm),
        "hidden": list(scenario.hidden),
    }


def _answer(row: dict[str, Any]) -> Answered:
    return Answered(
        **{**row, "ranked": tuple(row["ranked"]), "confidences": tuple(row["confidences"])}
    )


def _predicted(row: dict[str, Any]) -> Answered:
    return Answered(
        world=row["case"],
        ranked=tuple(row["ranked"]),
        confidences=tuple(row["confidences"]),
        mechanism=row.get("fault_type") or "",
        is_abstained=bool(row.get("abstain")),
        seconds=row["seconds"],
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        world: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError) as error:
        msg = f"{path} is not a frozen world: {error}"
        raise CommandError(msg) from error
    return world


@contextmanager
def _museum(paths: Sequence[Path]) -> Iterator[str]:
    """The read APIs over frozen worlds, in a process of the lab."""
    serve = [sys.executable, "-m", "lab", "serve", *map(str, paths)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        serve, cwd=settings.BASE_DIR, stdout=subprocess.PIPE
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                msg = "the frozen worlds could not be served: see above"
                raise CommandError(msg)
            yield f"http://127.0.0.1:{json.loads(line)['port']}"
        finally:
            process.terminate()


def _child(place: Path, reasoner: str) -> Iterator[dict[str, Any]]:
    """A process of our own on an empty database; with no key unless a model is asked for."""
    keys = {"AIRRA_ANTHROPIC_API_KEY": "", "AIRRA_OPENAI_API_KEY": ""}
    environment = env.for_child(
        AIRRA_VAR_DIR=str(place),
        AIRRA_DATABASE_URL=f"sqlite://{place / DATABASE}",
        AIRRA_REDIS_URL="",
        AIRRA_LOG_LEVEL="ERROR",
        **({} if reasoner == "configured" else keys),
    )
    command = [sys.executable, "manage.py", "airra_eval", "--play", str(place / "plan.json")]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        msg = f"playing the scenarios failed with code {done.returncode}: see above"
        raise CommandError(msg)
    for line in done.stdout.splitlines():
        yield json.loads(line)
