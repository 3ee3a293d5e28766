"""Why a command did not do what it was asked: an edge shows it as 409 or 422."""


class Refused(Exception):
    """A rule said no. `rule` names it for code, the message for people; nothing has changed."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
