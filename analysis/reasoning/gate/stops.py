"""Why the gate let nothing out."""


class Stopped(Exception):
    """Nothing was sent; the message says why."""


class LeakStopped(Stopped):
    """A secret, or an identity that has a pseudonym, stood in a request."""


class BudgetExhausted(Stopped):
    """The call might cost more than is left of tokens, money, turns or time."""


class ReplayMiss(Stopped):
    """A replay asked what was never recorded; the message holds the difference."""
