"""The example of the documentation, signed, and run as a process on files of its own."""

import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from remediation.execution.base import Connection
from remediation.execution.executors import script
from remediation.execution.executors.script import ScriptExecutor
from remediation.types import ActionRequest, ExecutorKind, PlannedAction
from tests.contract.executors.rig import Rig

EXAMPLE = Path(__file__).resolve().parents[3] / "docs/examples/runbook-scripts/set_limit.py"
# Where a test can make it hang: just before and just after its one write.
HANGS = """
def hang(when: str) -> None:
    if (PLACE / f"hang-{when}").exists():
        import time

        time.sleep(60)


def write("""


class SignedScript(Rig):
    kind = ExecutorKind.SCRIPT
    against = "a signed script as a process"
    actions = ("run_script",)
    refusal = "changes are locked"

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.place = Path(tempfile.mkdtemp())
        for path in (self.directory, self.place):
            self.stack.callback(shutil.rmtree, path)
        self.key = Ed25519PrivateKey.generate()
        self.entries: dict[str, dict[str, Any]] = {}
        text = EXAMPLE.read_text(encoding="utf-8").replace("/etc/shop/limits", str(self.place))
        text = text.replace("\ndef write(", HANGS).replace(
            "    fresh.replace(path)",
            '    hang("before")\n    fresh.replace(path)\n    hang("after")',
        )
        self.add(
            "set_limit",
            text,
            parameters={"limit": {"type": "integer", "minimum": 1, "maximum": 1000}},
            can_check=True,
            can_probe=True,
            can_undo=True,
            reversibility="exact_undo",
        )
        self.keep({"limit": 10, "earlier": 10, "serial": 1, "keys": []})

    def add(self, name: str, text: str, **said: Any) -> None:
        """A script of the manifest, signed with the rest."""
        (self.directory / f"{name}.py").write_text(text, encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.entries[name] = {"file": f"{name}.py", "sha256": digest, **said}
        self.sign({"version": 1, "scripts": self.entries})

    def sign(self, manifest: Mapping[str, Any]) -> None:
        content = json.dumps(manifest, indent=2).encode()
        (self.directory / "manifest.json").write_bytes(content)
        signature = base64.b64encode(self.key.sign(content))
        (self.directory / "manifest.sig").write_bytes(signature + b"\n")

    @property
    def public_key(self) -> str:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def executor(self, *, timeout_s: float = 20.0, **said: Any) -> ScriptExecutor:
        return self.at(f"file://{self.directory}", limit_s=timeout_s, **said)

    def at(self, url: str, **said: Any) -> ScriptExecutor:
        options = {
            "public_key": self.public_key,
            "services": {"payments": sorted(self.entries)},
            **said,
        }
        return script.connect(Connection(url, "of-the-script", 20, options))

    def unreachable(self) -> ScriptExecutor:
        return self.at("file:///no/such/directory")

    def request(self, action: str) -> ActionRequest:
        return ActionRequest(action, "payments", {"script": "set_limit", "args": {"limit": 5}})

    def now(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.place / "payments.json").read_text())
        return told

    def keep(self, state: Mapping[str, Any]) -> None:
        (self.place / "payments.json").write_text(json.dumps(state))

    def state(self) -> object:
        return self.now()

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        return {"limit": self.now()["limit"]}

    def move(self, planned: PlannedAction) -> None:
        now = self.now()
        self.keep({**now, "limit": now["limit"] + 1, "serial": now["serial"] + 1})

    @contextmanager
    def losing(self, *, done: bool) -> Iterator[None]:
        flag = self.place / f"hang-{'after' if done else 'before'}"
        flag.touch()
        try:
            yield
        finally:
            flag.unlink()

    @contextmanager
    def refusing(self) -> Iterator[ScriptExecutor]:
        (self.place / "locked").touch()
        yield self.executor()

    def nobody(self) -> ActionRequest:
        return ActionRequest("run_script", "orders", {"script": "set_limit", "args": {"limit": 5}})
