"""What exactly is saturated, where the names in a query tell."""

import re

_FINER = (("pool", r"pool|connections"), ("queue", r"queue|backlog|lag"), ("threads", r"threads?"))


def finer_signal(signal: str, query: str) -> str:
    """Pool, queue or threads for saturation of one of them; any other signal as it is."""
    if signal != "saturation":
        return signal
    names = " ".join(re.findall(r"[a-zA-Z_:][\w:]*", query)).replace("_", " ")
    return next((fine for fine, words in _FINER if re.search(rf"\b({words})\b", names)), signal)
