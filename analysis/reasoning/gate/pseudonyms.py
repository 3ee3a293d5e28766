"""Identities leave as <HOST_3> or <EMAIL_1> and come back as they were.

The same identity has the same name throughout an investigation, so correlation survives. Names of
services stay readable: a model must be able to name them.
"""

import ipaddress
import re
import threading
from collections.abc import Iterable, Iterator, Mapping

_TOKEN = re.compile(r"<(?:HOST|IP|EMAIL|CUST)_[1-9][0-9]{0,8}>")
_EMAIL = r"(?P<EMAIL>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)"
_IP4 = r"(?P<IP>(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9]))"
_IP6 = r"(?P<IP6>(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:]))"
# Last labels that say "a machine": private suffixes, and the public ones met in infrastructure.
# Dotted names of code and files (java.lang.String, app.py) end otherwise.
_TOPS = (
    "local|internal|intranet|lan|corp|home|private|localdomain|svc|arpa|test|example"
    "|com|net|org|edu|gov|io|dev|cloud|app|co|us|uk|eu|de|fr|nl|ch|at|it|es|pl|se|no|dk|fi|in|jp"
    "|cn|br|au|ca|info|biz|tech|systems|network|online|site|ai"
)
_HOST = (
    r"(?P<HOST>(?<![\w.@-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}"
    rf"(?:{_TOPS})(?![\w-]|\.\w)|(?<![\w.-])ip-[0-9]{{1,3}}(?:-[0-9]{{1,3}}){{3}}(?![\w-]))"
)
_CUSTOMER = (
    r"(?P<CUST>(?<![A-Za-z0-9])(?i:customer|cust|user|account|acct|tenant|client|member|subscriber)"
    r"(?:[_ .\"'-]{0,3}(?i:id|no|number|uuid))?[\"']{0,2}\s{0,2}[=:#/]\s{0,2}[\"']{0,2}"
    r"(?P<ID>(?=[A-Za-z_-]*[0-9])[A-Za-z0-9][A-Za-z0-9_-]{3,63})|"
    r"(?<![\w-])(?i:cus|cust|acct|usr|user|tenant)[_-]"
    r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{4,64}(?![\w-]))"
)
_FOUND = re.compile(f"{_EMAIL}|{_IP4}|{_IP6}|{_HOST}|{_CUSTOMER}")
_PUBLIC = frozenset({"127.0.0.1", "0.0.0.0", "::1", "::", "localhost"})  # noqa: S104 - text, not a bind


class Pseudonyms:
    """The names given out so far. Safe between threads.

    `readable` are names of services, never hidden unless they are addresses of machines; `hosts`
    are names known to be machines, hidden even where their form does not tell.
    """

    def __init__(
        self,
        known: Mapping[str, str] | None = None,
        *,
        readable: Iterable[str] = (),
        hosts: Iterable[str] = (),
    ) -> None:
        self._originals: dict[str, str] = dict(known or {})  # token -> what it stands for
        self._tokens = {original: token for token, original in self._originals.items()}
        named = frozenset(name for name in readable if not _FOUND.fullmatch(name))
        self._readable = named | _PUBLIC
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.RLock()
        for host in hosts:
            if host and host not in self._readable:
                self._token("HOST", host)

    @property
    def originals(self) -> Mapping[str, str]:
        """Token to identity: what has to be kept, encrypted, to read an investigation later."""
        return dict(self._originals)

    def hide(self, text: str) -> str:
        """The text with each identity replaced by its token. `show` undoes it exactly.

        A token that stands in the text already stays, so hiding twice is hiding once; its number
        is never given to anybody else.
        """
        with self._lock:
            for literal in _TOKEN.findall(text):
                if literal not in self._originals:
                    self._originals[literal] = self._tokens[literal] = literal
            parts = _TOKEN.split(text)
            tokens = [*_TOKEN.findall(text), ""]
            hidden = (self._hidden(part) for part in parts)
            return "".join(part + token for part, token in zip(hidden, tokens, strict=True))

    def show(self, text: str) -> str:
        """The text with every token we gave out replaced by the identity."""
        return _TOKEN.sub(lambda m: self._originals.get(m.group(), m.group()), text)

    def known_in(self, text: str) -> list[str]:
        """Kinds of identities with a token that stand in the text unhidden."""
        pattern = self._known()
        if pattern is None:
            return []
        found = {self._tokens[m.group()] for m in pattern.finditer(text)}
        return sorted({f"an identity ({token})" for token in found})

    def _hidden(self, text: str) -> str:
        text = "".join(self._pieces(text))
        pattern = self._known()
        if pattern is None:
            return text
        # What was met once is hidden wherever it stands, also where its surroundings do not tell.
        parts, tokens = _TOKEN.split(text), [*_TOKEN.findall(text), ""]
        swapped = (pattern.sub(lambda m: self._tokens[m.group()], part) for part in parts)
        return "".join(part + token for part, token in zip(swapped, tokens, strict=True))

    def _pieces(self, text: str) -> Iterator[str]:
        end = 0
        for match in _FOUND.finditer(text):
            kind, start, stop = _span(match)
            original = text[start:stop]
            if original in self._readable or (kind == "IP" and not _is_address(original)):
                continue
            yield text[end:start]
            yield self._token(kind, original)
            end = stop
        yield text[end:]

    def _token(self, kind: str, original: str) -> str:
        if original not in self._tokens:
            number = 1
            while f"<{kind}_{number}>" in self._originals:
                number += 1
            token = f"<{kind}_{number}>"
            self._originals[token], self._tokens[original] = original, token
            self._pattern = None
        return self._tokens[original]

    def _known(self) -> re.Pattern[str] | None:
        real = [original for token, original in self._originals.items() if token != original]
        if self._pattern is None and real:
            longest_first = sorted(real, key=len, reverse=True)
            words = "|".join(re.escape(word) for word in longest_first)
            self._pattern = re.compile(rf"(?<![\w-])(?<!\w\.)(?:{words})(?![\w-]|\.\w)")
        return self._pattern


def _span(match: re.Match[str]) -> tuple[str, int, int]:
    """Kind and place of an identity; of `customer_id=81` only the number is one."""
    if match.group("ID"):
        return "CUST", *match.span("ID")
    kind = match.lastgroup or "HOST"
    return kind.replace("IP6", "IP"), match.start(), match.end()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
