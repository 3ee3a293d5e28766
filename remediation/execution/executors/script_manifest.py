"""The signed manifest of a directory of scripts: what may run at all, and with which arguments."""

import base64
import hashlib
import json
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from remediation.execution.base import ExecutorError
from remediation.types import Reversibility

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
_MOST_BYTES = 1024 * 1024
_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Part):
    """One argument. Every text has its choices or its pattern; every number its bounds."""

    type: Literal["string", "integer", "number", "boolean"]
    required: bool = True
    choices: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def is_bounded(self) -> Self:
        if self.type == "string" and not self.choices and not self.pattern:
            msg = "a string needs choices or a pattern"
            raise ValueError(msg)
        if self.type in {"integer", "number"} and None in {self.minimum, self.maximum}:
            msg = "a number needs a minimum and a maximum"
            raise ValueError(msg)
        try:
            re.compile(self.pattern)
        except re.error as error:
            msg = f"the pattern is none: {error}"
            raise ValueError(msg) from error
        return self

    def why_not(self, value: Any) -> str:
        """What is wrong with the value, or empty."""
        if self.type == "boolean":
            return "" if isinstance(value, bool) else "is not true or false"
        if self.type == "string":
            return self._why_not_text(value)
        kinds = int if self.type == "integer" else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
            return f"is not a {self.type}"
        low, high = self.minimum or 0, self.maximum or 0
        return "" if low <= value <= high else f"is not between {low:g} and {high:g}"

    def _why_not_text(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
            return "is not a line of text"
        if self.choices and value not in self.choices:
            return f"is none of {', '.join(self.choices)}"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return "does not fit its pattern"
        return ""


class Script(_Part):
    """One script: its file, the digest of its bytes, and what it promises."""

    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Parameter] = {}
    can_check: bool = False  # --check answers a diff
    can_probe: bool = False
    can_undo: bool = False
    reversibility: Reversibility = Reversibility.COMPENSABLE

    @model_validator(mode="after")
    def undoes_what_it_calls_exact(self) -> Self:
        if self.reversibility is Reversibility.IRREVERSIBLE:
            msg = "what cannot be undone is left to people"
            raise ValueError(msg)
        if (self.reversibility is Reversibility.EXACT_UNDO) != self.can_undo:
            msg = "exact_undo and can_undo go together"
            raise ValueError(msg)
        return self

    def checked(self, args: dict[str, Any]) -> dict[str, Any]:
        """The arguments, whole and within bounds. Raises `ExecutorError` with the name."""
        for name in args:
            if name not in self.parameters:
                msg = f"{self.file} takes no argument {name}"
                raise ExecutorError(msg)
        for name, parameter in self.parameters.items():
            if name not in args:
                problem = "is missing" if parameter.required else ""
            else:
                problem = parameter.why_not(args[name])
            if problem:
                msg = f"{self.file}: argument {name} {problem}"
                raise ExecutorError(msg)
        return args


class Manifest(_Part):
    version: Literal[1]
    scripts: dict[Annotated[str, Field(pattern=_NAME)], Script]


class ScriptFile(_Part):
    """A script whose bytes are the signed ones, as they were read: these bytes are what runs."""

    script: Script
    content: bytes


def load(directory: Path, public_key: str) -> Manifest:
    """The manifest, when its signature is good. Raises `ExecutorError`."""
    content = _read(directory / MANIFEST)
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(_read(directory / SIGNATURE).strip(), validate=True), content)
    except (InvalidSignature, ValueError) as error:
        msg = "the manifest is not signed by the key of this endpoint"
        raise ExecutorError(msg) from error
    try:
        return Manifest.model_validate(json.loads(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top"
        msg = f"the manifest is wrong at {where}: {first['msg']}"
        raise ExecutorError(msg) from error
    except ValueError as error:
        msg = "the manifest is no JSON"
        raise ExecutorError(msg) from error


def script_of(directory: Path, public_key: str, name: str) -> ScriptFile:
    """A script with the very bytes whose digest is signed. Raises `ExecutorError`."""
    script = load(directory, public_key).scripts.get(name)
    if script is None:
        msg = f"the manifest has no script {name!r}"
        raise ExecutorError(msg)
    content = _read(directory / script.file)
    if hashlib.sha256(content).hexdigest() != script.sha256:
        msg = f"{script.file} is not the file that was signed"
        raise ExecutorError(msg)
    return ScriptFile(script=script, content=content)


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink():
            msg = f"{path.name} is a link"
            raise ExecutorError(msg)
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        msg = f"{path.name} cannot be read: {error.strerror}"
        raise ExecutorError(msg) from error
    if len(content) > _MOST_BYTES:
        msg = f"{path.name} is larger than {_MOST_BYTES} bytes"
        raise ExecutorError(msg)
    return content
