"""What silences and grouping rules say of labels, over the API."""

from typing import Annotated

from ninja import Field, Schema
from pydantic import AfterValidator

from incidents.api.schemas import Text
from incidents.ingest.matching import (
    MAX_LABEL,
    MAX_MATCHERS,
    MAX_VALUE,
    BadMatcher,
    Matcher,
    Op,
    matcher,
    matchers,
)


class MatcherIO(Schema):
    """A pattern (`=~`, `!~`) fits the whole value; a label that is absent counts as empty."""

    label: Text = Field(min_length=1, max_length=MAX_LABEL)
    op: Op
    value: Text = Field(max_length=MAX_VALUE)

    def read(self) -> Matcher:
        return matcher(self.label, self.op, self.value)


def _usable(given: MatcherIO) -> MatcherIO:
    given.read()  # `BadMatcher` is a ValueError, which pydantic tells beside the field
    return given


MatcherIn = Annotated[MatcherIO, AfterValidator(_usable)]
Matchers = Annotated[
    list[MatcherIn], Field(max_length=MAX_MATCHERS, description="All have to hold.")
]


def as_read(given: list[MatcherIO]) -> tuple[Matcher, ...]:
    return tuple(each.read() for each in given)


def as_told(stored: object) -> list[dict[str, str]]:
    """The matchers of a row; none where they were edited by hand and cannot be read."""
    try:
        return [each.as_json() for each in matchers(stored)]
    except BadMatcher:
        return []
