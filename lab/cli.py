"""`python -m lab`: run the lab, or talk to a running one."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lab.client import LabClient, LabError
from lab.faults import CATALOGUE
from lab.frozen import NotAWorld, write
from lab.jsontypes import JSON
from lab.settings import from_env, read_env


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    if not words or (words[0].startswith("--") and words[0] != "--help"):
        words = ["run", *words]
    arguments = _parser().parse_args(words)
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": _run, "inject": _inject, "faults": _faults, "heal": _heal, "status": _status,
        "check": _check, "freeze": _freeze, "serve": _serve,
    }  # fmt: skip
    try:
        return commands[arguments.command](arguments)
    except LabError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the shop until a signal ends it (the default)")
    run.add_argument("--host", help="address to listen on [LAB_HOST, 127.0.0.1]")
    run.add_argument("--port", type=int, help="port; 0 takes a free one [LAB_PORT, 8900]")
    run.add_argument("--rate", type=float, help="requests a second [LAB_RATE, 12]")
    run.add_argument("--seed", type=int, help="of customers and services [LAB_SEED, 7]")
    run.add_argument("--data-dir", default="", help="spool files [LAB_DATA_DIR, temporary]")
    run.add_argument("--secret", help="of the control API [LAB_CONTROL_SECRET]")
    inject = commands.add_parser("inject", help="start a fault")
    inject.add_argument("fault", choices=sorted(CATALOGUE), metavar="FAULT")
    inject.add_argument("service", nargs="?", default="", metavar="SERVICE")
    inject.add_argument("--pace", type=float, default=1.0, help="times its usual speed")
    commands.add_parser("faults", help="list the faults")
    heal = commands.add_parser("heal", help="end all faults")
    status = commands.add_parser("status", help="how the shop fares")
    check = commands.add_parser("check", help="inject and repair every fault, and see it work")
    check.add_argument("only", nargs="*", metavar="FAULT", help="only these faults")
    freeze = commands.add_parser("freeze", help="write what the shop has told so far to a file")
    freeze.add_argument("out", type=Path, metavar="FILE.json.gz")
    freeze.add_argument("--since", type=float, default=0.0, help="Unix seconds")
    frozen = commands.add_parser("serve", help="answer the read APIs from frozen worlds")
    frozen.add_argument("worlds", nargs="+", type=Path, metavar="FILE.json.gz")
    frozen.add_argument("--host", default="127.0.0.1")
    frozen.add_argument("--port", type=int, default=0)
    for talking in (inject, heal, status, freeze):
        talking.add_argument("--url", default=_url(), help="of the running lab")
    check.add_argument("--url", default="", help="of a running lab; without it a new one is run")
    check.add_argument("--secret", help="of the control API [LAB_CONTROL_SECRET]")
    return parser


def _url() -> str:
    host = read_env("HOST", "127.0.0.1")
    reachable = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound
    return read_env("URL", f"http://{reachable}:{read_env('PORT', '8900')}")


def _run(arguments: argparse.Namespace) -> int:
    from lab.supervisor.server import make_lab, serve  # noqa: PLC0415 - only `run` needs a server

    names = ("host", "port", "rate", "seed", "secret")
    given = {name: getattr(arguments, name) for name in names}
    told = {name: value for name, value in given.items() if value is not None}
    settings = replace(from_env(data_dir=arguments.data_dir), **told)
    asyncio.run(serve(make_lab(settings)))
    return 0


def _client(arguments: argparse.Namespace) -> LabClient:
    return LabClient(arguments.url, secret=read_env("CONTROL_SECRET", "lab-secret"))


def _inject(arguments: argparse.Namespace) -> int:
    body: JSON = {"fault": arguments.fault, "service": arguments.service, "pace": arguments.pace}
    row = _client(arguments).post("/lab/faults", body)
    sys.stdout.write(f"{row['fault']} injected into {row['service']}\n")
    return 0


def _freeze(arguments: argparse.Namespace) -> int:
    world = _client(arguments).get(f"/lab/world?since={arguments.since}")
    write(arguments.out, world)
    size = arguments.out.stat().st_size // 1024
    sys.stdout.write(f"{arguments.out}: {len(world['metrics'])} series, {size} KiB\n")
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from lab.museum import serve  # noqa: PLC0415 - only `serve` needs a server

    try:
        asyncio.run(serve(arguments.worlds, host=arguments.host, port=arguments.port))
    except NotAWorld as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _faults(_arguments: argparse.Namespace) -> int:
    for fault in CATALOGUE.values():
        services = ", ".join(fault.services)
        sys.stdout.write(f"{fault.name:20} {fault.happens}\n{'':20} into: {services};")
        sys.stdout.write(f" ended by: {fault.repair}\n")
    return 0


def _heal(arguments: argparse.Namespace) -> int:
    _client(arguments).post("/lab/heal", {})
    sys.stdout.write("healed\n")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    status = _client(arguments).get("/lab/status")
    head = "service    version  replicas  requests/s  errors  p95 ms  cpu    memory MiB  restarts"
    sys.stdout.write(head + "\n")
    for row in status["services"]:
        sys.stdout.write(
            f"{row['service']:10} {row['version']:8} {row['ready']:>3} of {row['desired']}"
            f"  {_cell(row['rate_per_s']):>10}  {_cell(row['error_ratio']):>6}"
            f"  {_cell(row['p95_ms']):>6}  {_cell(row['cpu_cores']):>5}"
            f"  {_cell(row['memory_mb']):>10}  {row['restarts']:>8}\n"
        )
    for fault in status["faults"]:
        sys.stdout.write(f"fault there now: {fault['fault']} in {fault['service']}\n")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from lab.check import run_check  # noqa: PLC0415 - only `check` needs it

    secret = arguments.secret or read_env("CONTROL_SECRET", "lab-secret")
    return run_check(url=arguments.url, secret=secret, only=arguments.only)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
