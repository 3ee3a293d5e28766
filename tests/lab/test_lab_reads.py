"""The read APIs of a running lab, shaped like the real servers'."""

import json
import re
import time

import pytest

from lab.loki.logql import ParseError, parse
from tests.lab.lab_harness import RunningLab, poll

pytestmark = pytest.mark.xdist_group("shop")
SERVICES = ["bank", "checkout", "database", "gateway", "inventory", "payments", "search"]


def test_a_range_query_has_the_envelope_of_prometheus(shop: RunningLab) -> None:
    poll(lambda: shop.value("sum(rate(http_requests_total[10s]))"))
    now = time.time()
    body = shop.get(
        "/api/v1/query_range", query="sum by (service) (up)", start=now - 10, end=now, step="5s"
    ).json
    assert body["status"] == "success"
    assert body["data"]["resultType"] == "matrix"
    assert [row["metric"]["service"] for row in body["data"]["result"]] == SERVICES
    at, value = body["data"]["result"][0]["values"][-1]
    assert isinstance(at, int | float)
    assert value == "1"


def test_a_query_may_be_a_form(shop: RunningLab) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = shop.send("POST", "/api/v1/query", b"query=1%2B1", form)
    assert answer.json["data"]["resultType"] == "scalar"
    assert answer.json["data"]["result"][1] == "2"


@pytest.mark.parametrize(
    ("path", "params", "named"),
    [
        ("/api/v1/query", {"query": "topk(1, up)"}, "topk"),
        ("/api/v1/query", {"query": "up", "time": "noon"}, "noon"),
        ("/api/v1/query_range", {"query": "up", "start": 0, "end": 9, "step": 0}, "step"),
        ("/api/v1/query_range", {"query": "up", "start": 9, "end": 0, "step": 1}, "end"),
        ("/api/v1/query_range", {"query": "up", "start": 0, "end": 99999, "step": 1}, "11,000"),
        ("/api/v1/series", {}, "match[]"),
    ],
)
def test_prometheus_names_what_is_wrong(
    shop: RunningLab, path: str, params: dict[str, object], named: str
) -> None:
    answer = shop.get(path, **params)
    assert answer.status == 400
    assert answer.json["status"] == "error"
    assert answer.json["errorType"] == "bad_data"
    assert named in answer.json["error"]


def test_series_and_labels(shop: RunningLab) -> None:
    poll(lambda: shop.value('up{instance="database-1"}'))
    series = shop.get("/api/v1/series", **{"match[]": 'up{service="database"}'}).json["data"]
    assert series == [{"__name__": "up", "instance": "database-1", "service": "database"}]
    assert "service" in shop.get("/api/v1/labels").json["data"]
    assert shop.get("/api/v1/label/service/values").json["data"] == SERVICES


def test_the_shop_exposes_every_metric_it_promises(shop: RunningLab) -> None:
    wanted = {
        "up", "http_requests_total", "http_request_duration_seconds_bucket",
        "http_client_request_duration_seconds_bucket", "http_client_requests_total",
        "process_resident_memory_bytes", "process_memory_limit_bytes",
        "process_cpu_seconds_total", "process_start_time_seconds",
        "db_pool_connections_in_use", "db_pool_connections_max", "db_pool_wait_seconds_bucket",
        "work_queue_depth", "work_queue_limit", "disk_used_bytes", "disk_size_bytes",
        "db_query_duration_seconds_bucket", "service_restarts_total", "service_replicas",
        "service_oom_kills_total",
    }  # fmt: skip
    poll(lambda: wanted <= set(shop.get("/api/v1/label/__name__/values").json["data"]))
    text = shop.get("/metrics").text
    assert "# TYPE http_request_duration_seconds histogram" in text
    line = re.search(r'^up\{.*service="database".*\} (\S+)$', text, re.MULTILINE)
    assert line is not None
    assert line[1] == "1"


def test_loki_streams(shop: RunningLab) -> None:
    def ask() -> list[dict[str, object]]:
        query = '{service="payments", level="info"} |= "charged"'
        body = shop.get("/loki/api/v1/query_range", query=query, limit=3).json
        assert body["status"] == "success"
        assert body["data"]["resultType"] == "streams"
        found: list[dict[str, object]] = body["data"]["result"]
        return found

    stream = poll(ask)[0]
    assert stream["stream"].keys() == {
        "service", "service_name", "instance", "level", "detected_level"
    }  # fmt: skip
    stamp, line = stream["values"][0]
    assert re.fullmatch(r"\d{19}", stamp)
    row = json.loads(line)
    assert row["service"] == "payments"
    assert re.fullmatch(r"[0-9a-f]{32}", row["trace_id"])


def test_loki_limit_and_direction(shop: RunningLab) -> None:
    def stamps(direction: str) -> list[int]:
        body = shop.get(
            "/loki/api/v1/query_range", query='{service=~".+"}', limit=5, direction=direction
        ).json
        return [int(v[0]) for row in body["data"]["result"] for v in row["values"]]

    poll(lambda: len(stamps("forward")) == 5)
    assert max(stamps("forward")) < max(stamps("backward"))


def test_loki_labels(shop: RunningLab) -> None:
    assert shop.get("/loki/api/v1/labels").json == {
        "status": "success", "data": ["instance", "level", "service", "service_name"],
    }  # fmt: skip
    poll(lambda: shop.get("/loki/api/v1/label/service/values").json["data"] == SERVICES)
    assert shop.get("/ready").status == 200


def test_loki_parse_error_is_plain_text(shop: RunningLab) -> None:
    answer = shop.get("/loki/api/v1/query_range", query="{service=")
    assert answer.status == 400
    assert answer.text == (
        "parse error at line 1, col 10: syntax error: unexpected $end, expecting STRING"
    )


@pytest.mark.parametrize(
    "query", ["", "{}", '{a=~".*"}', '{a="b"', '{a="b"} |= ', '{a="b"} | json', '{a=~"("}', "x"]
)
def test_other_logql_is_refused(query: str) -> None:
    with pytest.raises(ParseError):
        parse(query)


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ('{a="1"} |= "err"', True), ('{a="1"} != "err"', False), ('{a=~"1|2"} |~ "e.r"', True),
        ('{a="1"} |= "err" |= "no"', False), ('{a!="1", c=~".+"}', False),
        ('{a="1"} !~ "^x"', True),
    ],
)  # fmt: skip
def test_line_filters(query: str, matches: bool) -> None:
    parsed = parse(query)
    assert (parsed.matches({"a": "1"}) and parsed.accepts("an err here")) is matches


def test_jaeger_traces_reach_from_the_gateway_to_the_bank(shop: RunningLab) -> None:
    def ask() -> list[dict[str, object]]:
        found: list[dict[str, object]] = shop.get(
            "/api/traces", service="gateway", operation="POST /buy", limit=1
        ).json["data"]
        return found

    trace = poll(ask)[0]
    by_id = {span["spanID"]: span for span in trace["spans"]}
    poll(lambda: _services(shop, trace["traceID"]) >= {"gateway", "checkout", "payments", "bank"})
    root = next(span for span in by_id.values() if span["operationName"] == "POST /buy")
    assert root["references"] == []
    again = shop.get(f"/api/traces/{trace['traceID']}").json
    assert again["errors"] is None
    child = next(span for span in again["data"][0]["spans"] if span["references"])
    assert child["references"][0]["refType"] == "CHILD_OF"
    assert {"key", "type", "value"} == set(child["tags"][0])
    assert again["data"][0]["processes"]["p1"]["serviceName"] in SERVICES


def test_jaeger_services_dependencies_and_errors(shop: RunningLab) -> None:
    poll(lambda: shop.get("/api/services").json["data"] == SERVICES)
    links = {(row["parent"], row["child"]) for row in shop.get("/api/dependencies").json["data"]}
    assert links >= {("gateway", "search"), ("inventory", "database"), ("payments", "bank")}
    assert shop.get("/api/traces/00ff").status == 404
    assert shop.get("/api/traces").status == 400
    assert shop.get("/api/traces", service="gateway", minDuration="x").status == 400
    assert shop.get("/api/traces", service="gateway", minDuration="30s").json["data"] == []


def test_change_events_tell_the_first_releases(shop: RunningLab) -> None:
    changes = shop.get("/changes").json["changes"]
    first = next(change for change in changes if change["service"] == "search")
    assert first.keys() == {
        "id", "at", "kind", "service", "title", "actor", "from", "to", "revision"
    }  # fmt: skip
    assert first["kind"] == "deploy"
    assert shop.get("/changes", since="yesterday").status == 400
    assert shop.get("/changes", since=time.time()).json["changes"] == []


def test_the_page_stands_alone(shop: RunningLab) -> None:
    page = shop.get("/")
    assert "<title>AIRRA lab: the shop</title>" in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script|style=|https?://", page.text)
    assert shop.get("/lab/lab.css").status == 200


def _services(shop: RunningLab, trace_id: str) -> set[str]:
    data = shop.get(f"/api/traces/{trace_id}").json["data"][0]
    return {process["serviceName"] for process in data["processes"].values()}
