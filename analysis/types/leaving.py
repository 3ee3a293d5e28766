"""What of a source's answers may leave for a model of somebody else's."""

from enum import StrEnum


class LeavePolicy(StrEnum):
    MAY_LEAVE = "may_leave"
    TEMPLATES_ONLY = "templates_only"  # what code computed leaves; lines as they stood do not
    NEVER = "never"  # only the offline reasoner sees it
