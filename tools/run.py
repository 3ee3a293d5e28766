"""`make run`: AIRRA alone, embedded, with a first admin made on the way."""

import sys

from tools.stack import ROOT, Stack, wait_for


def main() -> None:
    with Stack(var=ROOT / "var" / "run", port=8000, settings={"AIRRA_ADMIN_USER": ""}) as stack:
        stack.manage("migrate", "--verbosity=0")
        stack.manage("collectstatic", "--noinput", "--verbosity=0")
        stack.manage("bootstrap")
        stack.start_airra()
        sys.stdout.write(f"AIRRA is at {stack.url}; make an account: manage.py createsuperuser\n")
        try:
            wait_for("the end", stack.processes["airra"].poll, within_s=float("inf"))
        except KeyboardInterrupt:
            sys.stdout.write("Stopped.\n")


if __name__ == "__main__":
    main()
