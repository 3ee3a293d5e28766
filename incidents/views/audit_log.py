"""The audit log as a page and as CSV."""

import csv
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from incidents.queries import audit_log as queries
from incidents.queries.audit_status import status


def _filters(request: HttpRequest) -> queries.AuditFilters:
    return queries.AuditFilters.parse(request.GET)


def audit_log(request: HttpRequest) -> HttpResponse:
    filters = _filters(request)
    before = request.GET.get("before", "")
    found = queries.page(filters, request.user, before=int(before) if before.isdecimal() else 0)
    return render(
        request,
        "incidents/audit_log.html",
        {
            "filters": filters,
            "rows": found.rows,
            "next": found.next_cursor and filters.as_query(before=str(found.next_cursor)),
            "csv_query": filters.as_query(),
            "chain": status(),
            "kinds": queries.kinds(request.user),
        },
    )


class _Line:
    """What csv.writer needs of a file: each line is handed on as it is written."""

    def write(self, line: str) -> str:
        return line


def audit_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same rows as a file, at most `CSV_LIMIT`, streamed."""
    writer = csv.writer(_Line())
    rows = queries.csv_rows(_filters(request), request.user)
    lines: Iterator[str] = (writer.writerow(row) for row in rows)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="airra-audit.csv"'
    return answer
