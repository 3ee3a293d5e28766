"""Addresses of what the seed has put into the database of a running AIRRA."""

import sqlite3
from contextlib import closing
from uuid import UUID

from tools.stack import Stack


def first(site: Stack, query: str, *arguments: str) -> str:
    with closing(sqlite3.connect(site.var / "airra.sqlite3")) as database:
        found = database.execute(query, arguments).fetchone()
    assert found, query
    return str(found[0])


def key_in(site: Stack, state: str, title: str = "%") -> str:
    query = "select number from incidents_incident where state = ? and title like ? order by number"
    return f"INC-{first(site, query, state, title)}"


def uuid_of(site: Stack, table: str, where: str = "1=1") -> str:
    return str(UUID(first(site, f"select id from {table} where {where}")))  # noqa: S608 - ours


def detector_path(site: Stack, name: str, path: str = "/detectors/{}/") -> str:
    return path.format(uuid_of(site, "analysis_detector", f"name = '{name}'"))


def source_path(site: Stack, name: str) -> str:
    source_id = uuid_of(site, "analysis_connector", f"name = '{name}'")
    return f"/sources/{source_id}/"


def sender_path(site: Stack, name: str, path: str = "/integrations/{}/") -> str:
    return path.format(uuid_of(site, "incidents_integration", f"name = '{name}'"))
