"""`make demo`: a shop that really runs, AIRRA beside it, and faults to inject."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import httpx2

from tools.stack import ACCOUNTS, PASSWORD, ROOT, Stack, answers

WARM_UP_S = 100  # of calm before detectors know what is normal


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def port_or(default: int) -> int:
    """The well-known port, or any free one when somebody has it."""
    from tools.stack import free_port  # noqa: PLC0415 - only when needed

    return free_port() if answers(f"http://127.0.0.1:{default}/") else default


def show(stack: Stack) -> None:
    say()
    say(f"  AIRRA      {stack.url}")
    say(f"  the shop   {stack.lab_url}   (a button for every fault)")
    say(f"  accounts   {', '.join(ACCOUNTS)}   password: {PASSWORD}")
    say(f"  logs       {stack.var.relative_to(ROOT)}/*.log")
    say()
    say(f"  Warming up: detectors need about {WARM_UP_S} s of normal traffic first.")


def explain(stack: Stack) -> None:
    say("  Ready. Break something, here or on the shop's page:")
    say()
    lab = "" if stack.lab_port == 8900 else f"LAB_PORT={stack.lab_port} "
    say(f"      {lab}.venv/bin/python -m lab inject memory-leak payments")
    say()
    say("  Within two minutes there is an incident. Sign in as approver, review its plan,")
    say("  approve it live, and watch AIRRA prove the fix. Stop with Ctrl-C.")


def main() -> None:
    stop = threading.Event()

    def asked_to_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, asked_to_stop)
    signal.signal(signal.SIGTERM, asked_to_stop)
    var = Path(ROOT / "var" / "demo")
    with Stack(var=var, port=port_or(8000), lab_port=port_or(8900)) as stack:
        say("Starting the shop …")
        stack.start_lab()
        say("Preparing the database …")
        stack.prepare()
        say("Starting AIRRA …")
        stack.start_airra()
        show(stack)
        if not stop.wait(WARM_UP_S):
            explain(stack)
        while not stop.wait(1):
            for name, process in stack.processes.items():
                if process.poll() is not None:
                    say(f"{name} ended unexpectedly; see {var / name}.log")
                    stop.set()
    say("Stopped.")


if __name__ == "__main__":
    try:
        main()
    except (TimeoutError, RuntimeError, httpx2.HTTPError) as error:
        sys.exit(f"demo: {error}")
