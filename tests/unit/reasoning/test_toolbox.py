"""The catalogue of tools: what may be asked, and what counts as the same question."""

import json
from typing import Any

import jsonschema
import pytest

from analysis.reasoning.toolbox import CATALOGUE, args_hash, refusal, tool_named

SERVICES = ("front", "store")


def test_there_are_twelve_tools_in_a_fixed_order() -> None:
    names = [tool.name for tool in CATALOGUE]
    assert len(names) == 12
    assert names == sorted(set(names))


@pytest.mark.parametrize("tool", CATALOGUE, ids=lambda tool: tool.name)
def test_every_schema_is_one_and_says_what_each_argument_is(tool: Any) -> None:
    schema = tool.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.dumps(schema) == json.dumps(tool.schema())
    assert all(about["description"] for about in schema["properties"].values())
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("rm", {}, "no tool"),
        ("get_onsets", {"service": "evil; drop"}, "known"),
        ("get_onsets", {"query": "up"}, "query"),
        ("compare_peers", {"service": "front"}, "signal"),
        ("search_logs", {"mode": "everything"}, "mode"),
        ("list_changes", {"hours": 10_000}, "hours"),
        ("list_changes", {"hours": "2"}, "hours"),
        ("run_diagnostic", {"name": "nmap", "service": "front"}, "name"),
    ],
)
def test_what_may_not_be_asked_is_refused_in_words(
    name: str, arguments: dict[str, Any], word: str
) -> None:
    assert word in refusal(name, arguments, SERVICES)


def test_what_may_be_asked_is_not_refused() -> None:
    assert refusal("get_onsets", {}, SERVICES) == ""
    assert refusal("compare_peers", {"service": "store", "signal": "cpu"}, SERVICES) == ""


def test_defaults_and_order_make_no_other_call() -> None:
    assert args_hash("get_onsets", {}) == args_hash("get_onsets", {"service": ""})
    one = args_hash("query_metrics", {"service": "front", "signal": "cpu"})
    assert one == args_hash("query_metrics", {"signal": "cpu", "service": "front", "minutes": 15})
    assert one != args_hash("query_metrics", {"service": "front", "signal": "errors"})
    assert one != args_hash("compare_peers", {"service": "front", "signal": "cpu"})


def test_a_name_that_is_no_tool_has_none() -> None:
    with pytest.raises(KeyError):
        tool_named("rm")
