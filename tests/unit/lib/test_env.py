"""The readers of the environment: a default, a value, and an error that names the variable."""

from collections.abc import Callable
from pathlib import Path

import pytest

from airra import env
from airra.env import EnvError

NAME = "AIRRA_TEST_VALUE"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.delenv(f"{NAME}_FILE", raising=False)


def test_text_without_default_must_be_set() -> None:
    with pytest.raises(EnvError, match=rf"{NAME} is not set; see \.env\.example"):
        env.text(NAME)


def test_text_takes_the_default_and_then_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.text(NAME, "calm") == "calm"
    monkeypatch.setenv(NAME, "set")
    assert env.text(NAME, "calm") == "set"


@pytest.mark.parametrize(
    ("read", "default"),
    [
        (lambda: env.integer(NAME, 7), 7),
        (lambda: env.number(NAME, 0.5), 0.5),
        (lambda: env.boolean(NAME, default=True), True),
        (lambda: env.boolean(NAME, default=False), False),
    ],
)
@pytest.mark.parametrize("value", [None, ""])
def test_unset_and_empty_mean_the_default(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], object], default: object, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv(NAME, value)
    assert read() == default


def test_numbers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "42")
    assert env.integer(NAME, 0) == 42
    assert env.number(NAME, 0) == 42.0
    monkeypatch.setenv(NAME, "0.25")
    assert env.number(NAME, 0) == 0.25


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "yes", "on"])
def test_words_for_true(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.boolean(NAME, default=False) is True


@pytest.mark.parametrize("value", ["0", "false", "False", "no", "off"])
def test_words_for_false(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.boolean(NAME, default=True) is False


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda: env.integer(NAME, 1), "1.5", "a whole number"),
        (lambda: env.number(NAME, 1), "many", "a number"),
        (lambda: env.boolean(NAME, default=True), "perhaps", "true or false"),
    ],
)
def test_a_malformed_value_names_itself_and_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], object], value: str, expected: str
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(EnvError, match=f"{NAME}='{value}': expected {expected}"):
        read()


def test_words_are_split_and_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.words(NAME) == []
    assert env.words(NAME, "a,b") == ["a", "b"]
    monkeypatch.setenv(NAME, " one , ,two,")
    assert env.words(NAME, "a,b") == ["one", "two"]


def test_a_secret_comes_from_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "s3cret")
    assert env.secret(NAME) == "s3cret"


def test_a_secret_comes_from_its_file_without_the_last_newline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("from a file\n", encoding="utf-8")
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    assert env.secret(NAME) == "from a file"


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("one", encoding="utf-8")
    monkeypatch.setenv(NAME, "two")
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    with pytest.raises(EnvError, match=f"{NAME} and {NAME}_FILE are both set; keep one"):
        env.secret(NAME)


def test_a_missing_secret_file_names_the_variable_and_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere"
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    with pytest.raises(EnvError, match=f"{NAME}_FILE: cannot read {path}: No such file"):
        env.secret(NAME)


def test_a_missing_secret_takes_the_default_or_stops() -> None:
    assert env.secret(NAME, "") == ""
    with pytest.raises(EnvError, match=f"{NAME} is not set"):
        env.secret(NAME)


def test_a_postgresql_url_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "postgresql://me:p%40ss@db.example:6543/air%2Dra")
    assert env.database(NAME, "") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "air-ra",
        "USER": "me",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6543",
        "OPTIONS": {},
    }


def test_what_stands_behind_a_postgresql_url_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://db/airra?sslmode=verify-full&sslrootcert=%2Fca%20of%20db&options="
    monkeypatch.setenv(NAME, url)
    assert env.database(NAME, "")["OPTIONS"] == {
        "sslmode": "verify-full",
        "sslrootcert": "/ca of db",
        "options": "",
    }


def test_an_option_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "postgresql://me:hush@db/airra?sslmod=require")
    with pytest.raises(EnvError, match=f"{NAME}: libpq has no option 'sslmod'") as raised:
        env.database(NAME, "")
    assert "hush" not in str(raised.value)


def test_a_sqlite_url_names_a_file() -> None:
    found = env.database(NAME, "sqlite:///var/airra.sqlite3")
    assert found == {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/airra.sqlite3"}


def test_a_sqlite_url_without_a_path_is_kept_in_memory() -> None:
    assert env.database(NAME, "sqlite://")["NAME"] == ":memory:"


def test_a_database_url_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "url"
    path.write_text("postgres://me@db/airra\n", encoding="utf-8")
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    assert env.database(NAME, "sqlite://")["NAME"] == "airra"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:hush@db/airra",
        "postgresql://me:hush@db",
        "postgresql://me:hush@db:x/airra",
        "postgresql://me:hush@db/airra?sslmode",
    ],
)
def test_a_malformed_database_url_names_the_variable_and_not_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(NAME, url)
    with pytest.raises(EnvError, match=f"{NAME}: expected postgresql://") as raised:
        env.database(NAME, "")
    assert "hush" not in str(raised.value)


def test_a_reference_becomes_a_variable_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRRA_SECRET_TEST_SHOP_1", "signed")
    assert env.referenced_secret("test-shop.1") == "signed"


def test_a_reference_to_nothing_names_the_variable() -> None:
    with pytest.raises(EnvError, match="AIRRA_SECRET_NOT_THERE is not set"):
        env.referenced_secret("not there")
