"""Log sites of a service that appear, or fall silent, where lines carry no span to count by.

Lines of one service that are close in time make a burst, the nearest thing to a request. A site is
judged among the bursts that reach a companion site (every site is tried, and all bursts): how many
of them have it before and during is compared as visits are (changes.py). `clues` yields
`log_novelty` (0 to 1): the cleanest switch of a site of this service; errors that appear count
whole, other sites that appear or fall silent less, and what a service says of another less still.
An error that is no longer heard is no clue.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.reasoning.rootcause.changes import Pair, switch
from analysis.reasoning.rootcause.log_sites import level_of, site_of, subject_finder
from analysis.types import Case, CaseLog, Clue

_BURST_GAP_S = 1.0
_ONSET_STEPS_S = (0.0, 30.0, 60.0)
_HALF = 8.0  # the G that is half convincing
_SURE = 5.0  # G below this (p about .025) is nothing: many sites are tried
_QUIET_SHARE = 0.7  # what a site without an error counts
_LEAST_CHANGE = 0.5  # of the share of bursts
_COMPLAINT = 0.3  # what an error about another service counts

_Site = tuple[str, str, str]  # level, site, whom an error is about


@dataclass(frozen=True)
class _Burst:
    at: float
    sites: frozenset[_Site]


def clues(case: Case) -> list[Clue]:
    """Novel and silenced sites per service, from logs without a span; empty without two sides."""
    if case.window is None:
        return []
    told = _bursts(case)
    best: dict[str, Clue] = {}
    for service in sorted(told.keys() & set(case.candidates)):
        if told[service][0].at >= case.window[0]:
            continue  # what has just begun to be recorded has not just begun to happen
        for step in _ONSET_STEPS_S:
            clue = _strongest(service, told[service], case.window[0] + step)
            if clue is not None and (service not in best or clue.value > best[service].value):
                best[service] = clue
    return list(best.values())


def _bursts(case: Case) -> dict[str, list[_Burst]]:
    lines: defaultdict[str, list[CaseLog]] = defaultdict(list)
    for log in case.logs:
        if not log.span_id and case.window is not None and log.at < case.window[1]:
            lines[log.service].append(log)
    subject = subject_finder(case.candidates)
    bursts: dict[str, list[_Burst]] = {}
    for service, logs in lines.items():
        grouped: list[list[CaseLog]] = []
        for log in sorted(logs, key=lambda entry: entry.at):
            if not grouped or log.at - grouped[-1][-1].at > _BURST_GAP_S:
                grouped.append([])
            grouped[-1].append(log)
        bursts[service] = [
            _Burst(
                group[0].at,
                frozenset(
                    (level_of(log), site_of(log.message), subject(log.message, service))
                    for log in group
                ),
            )
            for group in grouped
        ]
    return bursts


def _strongest(service: str, bursts: Sequence[_Burst], onset: float) -> Clue | None:
    sites = sorted({site for burst in bursts for site in burst.sites})
    before = _together(sites, [b.sites for b in bursts if b.at < onset])
    during = _together(sites, [b.sites for b in bursts if b.at >= onset])
    best = (_SURE, -1, 0.0, 0.0)
    for row, other in np.argwhere(_switched(before, during)):
        had, of = int(before[row, other]), int(before[other, other])
        has, now_of = int(during[row, other]), int(during[other, other])
        weight = _weight(sites[row], (of - had, had), (now_of - has, has))
        best = max(best, (weight, int(row), had / of, has / now_of))
    weight, row, was, now = best
    if row < 0:
        return None
    verb = "newly logs" if now > was else "no longer logs"
    text = f"{verb} {sites[row][0]} {sites[row][1]}"
    return Clue(service, "log_novelty", weight / (weight + _HALF), was, now, text)


def _together(sites: Sequence[_Site], bursts: Sequence[frozenset[_Site]]) -> NDArray[np.int64]:
    """How many bursts have both the site of the row and that of the column; the last is any."""
    has = np.array(
        [[site in sites_of for site in sites] + [True] for sites_of in bursts], dtype=int
    )
    return has.T @ has if len(bursts) else np.zeros((len(sites) + 1,) * 2, dtype=int)


def _switched(before: NDArray[np.int64], during: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pairs (site, companion) whose share changed by more than half; not the row of any burst."""
    was, now = np.diag(before), np.diag(during)
    known = (was > 0) & (now > 0)
    change = np.abs(before / np.maximum(was, 1) - during / np.maximum(now, 1))
    switched: NDArray[np.bool_] = (change > _LEAST_CHANGE) & known
    switched[-1] = False
    return switched


def _weight(site: _Site, before: Pair, during: Pair) -> float:
    """Of one site; pairs are bursts (without it, with it)."""
    came = switch(before, during)
    if site[0] == "ERROR":
        return came * (_COMPLAINT if site[2] else 1.0)
    return _QUIET_SHARE * max(came, switch(before[::-1], during[::-1]))
