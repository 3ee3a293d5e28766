"""Typed reading of `AIRRA_*` variables: the only place that looks at the environment.

Every secret `AIRRA_X` may instead be given as `AIRRA_X_FILE`, the path of a file that holds it.
A missing or malformed value stops the start with an `EnvError` that names the variable.
"""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

T = TypeVar("T")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


class EnvError(Exception):
    """A variable is missing or malformed; the message says which and what is expected."""


def text(name: str, default: str | None = None) -> str:
    """The value; the default when it is unset or empty, as compose files leave it."""
    value = os.environ.get(name) or default  # noqa: TID251 - this module is where it is read
    if value is None:
        msg = f"{name} is not set; see .env.example"
        raise EnvError(msg)
    return value


def secret(name: str, default: str | None = None) -> str:
    """The value of `name`, or the contents of the file named by `name`_FILE."""
    path = text(f"{name}_FILE", "")
    if not path:
        return text(name, default)
    if text(name, ""):
        msg = f"{name} and {name}_FILE are both set; keep one"
        raise EnvError(msg)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        msg = f"{name}_FILE: cannot read {path}: {error.strerror}"
        raise EnvError(msg) from error


def _parsed(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    value = text(name, "")
    if not value:
        return default
    try:
        return parse(value)
    except ValueError as error:
        msg = f"{name}={value!r}: expected {expected}"
        raise EnvError(msg) from error


def integer(name: str, default: int) -> int:
    return _parsed(name, default, int, "a whole number")


def number(name: str, default: float) -> float:
    return _parsed(name, default, float, "a number")


def _as_bool(value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ValueError(value)


def boolean(name: str, *, default: bool) -> bool:
    return _parsed(name, default, _as_bool, "true or false")


def one_of(name: str, default: str, allowed: Collection[str]) -> str:
    """The value, which is one of `allowed`."""
    value = text(name, default)
    if value not in allowed:
        msg = f"{name}={value!r}: expected one of {', '.join(allowed)}"
        raise EnvError(msg)
    return value


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def _asked_of_libpq(query: str) -> dict[str, str]:
    """The options behind the `?` of an address. Raises `EnvError` for one libpq does not know."""
    asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    if not asked:
        return {}
    from psycopg.pq import Conninfo  # noqa: PLC0415 - SQLite needs none of it

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    if strange := sorted(asked.keys() - known):
        msg = f"libpq has no option {strange[0]!r}; it was asked for behind the '?' of the address"
        raise EnvError(msg)
    return asked


def _as_database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": unquote(parts.path) or ":memory:"}
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ValueError(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": _asked_of_libpq(parts.query),
    }


def database(name: str, default: str) -> dict[str, Any]:
    """A Django database entry from `postgresql://user:pass@host:port/name` or `sqlite:///path`.

    What stands behind a `?` is for PostgreSQL's own library: `?sslmode=require`.
    """
    value = secret(name, default) or default
    try:
        return _as_database(value)
    except EnvError as error:
        msg = f"{name}: {error}"
        raise EnvError(msg) from error
    except ValueError as error:
        msg = f"{name}: expected postgresql://user:password@host:port/name or sqlite:///path"
        raise EnvError(msg) from error


def referenced_secret(ref: str) -> str:
    """The secret an operator refers to as `ref` in the admin: `AIRRA_SECRET_<REF>` or its file.

    Rows hold the name, never the value, so that a database dump leaks no credential.
    """
    key = "".join(c if c.isalnum() else "_" for c in ref).upper()
    if key in {"KEY", "KEY_FILE"}:
        msg = f"{ref!r} would be AIRRA_SECRET_KEY, which signs sessions: choose another name"
        raise EnvError(msg)
    return secret(f"AIRRA_SECRET_{key}")


def for_child(**changes: str) -> dict[str, str]:
    """The environment of a process of our own, with `changes`; an empty value takes one away."""
    both = {**os.environ, **changes}  # noqa: TID251 - this module is where it is read
    return {name: value for name, value in both.items() if value or name not in changes}
