"""A short list of read-only checks, at the address that people put on record for a service."""

from collections.abc import Callable, Mapping

from airra.lib import probe
from airra.lib.addresses import Address, BadAddress, parse, resolve
from airra.lib.http import HttpError
from analysis.commands.collect.reading import Reading
from analysis.commands.collect.scope import Scope
from analysis.connectors.base import ConnectorError, Problem
from analysis.reasoning.toolbox import RunDiagnostic
from analysis.types import State
from incidents.models import Service

_Found = tuple[str, dict[str, str]]  # in words, and as fields of a state


def run_diagnostic(scope: Scope, asked: RunDiagnostic) -> Reading:
    """One check. That a service does not answer is its finding, not a failure of the check."""
    address = _address_of(scope, asked.service)
    try:
        words, fields = _CHECKS[asked.name](address)
    except BadAddress as error:
        raise ConnectorError(Problem.REJECTED, str(error)) from error
    facts = [
        State(entity=asked.service, field=name, value=value, at=scope.ctx.now)
        for name, value in fields.items()
    ]
    return Reading(
        source="diagnostics",
        native_query=f"{asked.name} {address.origin}{address.path}",
        window=(scope.ctx.now, scope.ctx.now),
        summary=f"{asked.name} of {asked.service}: {words}",
        facts=facts,
        rows=[f"{fact.field} = {fact.value}" for fact in facts],
        raw=facts,
    )


def _address_of(scope: Scope, name: str) -> Address:
    """Only what is on record: no text that a source sent is ever an address."""
    service = Service.objects.filter(workspace=scope.workspace, name=name).first()
    if service is None or not service.address:
        msg = f"no address of {name} is on record: an administrator can add one"
        raise ConnectorError(Problem.REJECTED, msg)
    try:
        return parse(service.address)
    except BadAddress as error:
        raise ConnectorError(Problem.REJECTED, str(error)) from error


def _dns(address: Address) -> _Found:
    try:
        numbers = resolve(address.host, address.port)
    except OSError as error:
        return f"{address.host} has no address ({error})", {"dns_resolves": "0"}
    return f"{address.host} is {', '.join(numbers)}", {"dns_resolves": "1"}


def _tcp(address: Address) -> _Found:
    try:
        number, seconds = probe.connect_s(address)
    except OSError as error:
        return f"port {address.port} does not answer ({error})", {"tcp_connects": "0"}
    return (
        f"port {address.port} of {number} answers after {seconds * 1000:.0f} ms",
        {"tcp_connects": "1", "tcp_connect_s": f"{seconds:.4f}"},
    )


def _tls(address: Address) -> _Found:
    if not address.tls:
        msg = f"its address is {address.scheme}, which has no certificate"
        raise ConnectorError(Problem.REJECTED, msg)
    try:
        found = probe.certificate(address)
    except OSError as error:
        return f"no TLS at {address.origin} ({error})", {"tls_handshake": "0"}
    fields = {
        "tls_handshake": "1",
        "certificate_days_left": f"{found.days_left:.2f}",
        "certificate_trusted": "0" if found.problem else "1",
    }
    word = f", and it is not trusted: {found.problem}" if found.problem else ""
    return f"its certificate ends {found.not_after:%Y-%m-%d %H:%M} UTC{word}", fields


def _http(address: Address) -> _Found:
    if address.scheme == "tcp":
        raise ConnectorError(Problem.REJECTED, "its address is not one of HTTP")
    try:
        found = probe.health(address)
    except (HttpError, OSError) as error:
        return f"it does not answer ({error})", {"http_answers": "0"}
    fields = {
        "http_answers": "1",
        "http_status": str(found.status),
        "http_seconds": f"{found.seconds:.3f}",
    }
    return f"it answers {found.status} after {found.seconds * 1000:.0f} ms", fields


_CHECKS: Mapping[str, Callable[[Address], _Found]] = {
    "dns": _dns,
    "http_health": _http,
    "tcp_connect": _tcp,
    "tls_expiry": _tls,
}
