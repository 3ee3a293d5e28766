"""What secrets look like: shapes their issuers publish, and names that stand before them.

Sources: the secret-scanning partner patterns GitHub documents, the rules of gitleaks (MIT), and the
issuers' own pages on token formats. Lengths are minima: a longer tail goes with the rest.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """`mark` stands in every match, so that a text without it need not be searched.

    `is_loose`: too common a beginning to count in the middle of a word.
    """

    kind: str
    pattern: re.Pattern[str]
    mark: str = ""
    is_loose: bool = False


_W = r"[A-Za-z0-9_-]"
_END = r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
# Three runs with dots between; the whole first run goes, so that no start is tried twice.
_JWT = rf"(?<!{_W})(?={_W}*?eyJ){_W}{{11,}}+\.{_W}{{8,}}+\.{_W}*(?:\.{_W}+)*"
_USERINFO = r"(?i)(?<=[a-z]://)[^\s/@:\"'<>\[]{0,200}:[^\s/@\"'<>]{1,200}(?=@)"
_MARKED: tuple[tuple[str, str], ...] = (
    # A block that was cut off has no end line: then everything to the end goes.
    ("private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?" + _END),
    ("private key", r"PuTTY-User-Key-File-[0-9]:.*?(?:Private-MAC:\s*[0-9a-f]+|\Z)"),
    ("private key", r"b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/=\s]{20,}"),  # OpenSSH without its header
    ("private key", r"AGE-SECRET-KEY-1[0-9A-Z]{20,}"),
    ("token", _JWT),
    ("cloud key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,}"),
    ("cloud key", r"AIza[0-9A-Za-z_-]{35,}"),
    ("cloud key", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    ("cloud key", r"ya29\.[A-Za-z0-9_-]{20,}"),
    ("cloud key", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}"),  # Entra ID
    ("cloud key", r"(?i:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{20,}={0,2}"),
    ("cloud key", r"do[por]_v1_[a-f0-9]{40,}"),
    ("cloud key", r"LTAI[A-Za-z0-9]{16,}"),
    ("token", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    ("token", r"github_pat_[A-Za-z0-9_]{20,}"),
    ("token", rf"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt)-{_W}{{16,}}"),
    ("token", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}"),
    ("token", r"xapp-[0-9]-[A-Za-z0-9-]{10,}"),
    ("webhook", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,}"),
    ("webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{20,}"),
    ("webhook", r"webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{20,}"),
    ("token", r"sk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{16,}"),
    ("token", r"(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    ("token", r"whsec_[A-Za-z0-9+/=]{16,}"),
    ("token", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("token", r"[0-9a-f]{32}-us[0-9]{1,2}"),
    ("token", r"npm_[A-Za-z0-9]{30,}"),
    ("token", r"pypi-AgE[A-Za-z0-9_-]{20,}"),
    ("token", r"rubygems_[a-f0-9]{40,}"),
    ("token", rf"dckr_[po]at_{_W}{{20,}}"),
    ("token", r"HRKU-[A-Za-z0-9_-]{30,}"),
    ("token", r"dp\.(?:pt|st|sa|ct|scim|audit)\.[A-Za-z0-9_.-]{20,}"),
    ("token", r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    ("token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
    ("token", r"dapi[a-f0-9]{32,}"),
    ("token", r"NR(?:AK|JS|II|RA|SP)-[A-Za-z0-9_-]{16,}"),
    ("token", r"glsa_[A-Za-z0-9]{20,}_[a-f0-9]{8}|glc_[A-Za-z0-9+/]{30,}={0,2}"),
    ("token", r"lin_api_[A-Za-z0-9]{30,}"),
    ("token", r"ntn_[A-Za-z0-9]{30,}"),
    ("token", r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{30,}"),
    ("token", r"sq0(?:atp|csp)-[A-Za-z0-9_-]{20,}"),
    ("token", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}"),  # Telegram
    ("token", r"pscale_(?:pw|tkn|oauth)_[A-Za-z0-9_.=-]{30,}"),
    ("token", r"sbp_[a-f0-9]{40,}"),
    ("token", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34,}"),
    ("token", r"sntry[su]_[A-Za-z0-9+/=_-]{30,}"),
    ("token", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    ("token", r"ATATT3[A-Za-z0-9_=-]{30,}"),
    ("token", r"figd_[A-Za-z0-9_-]{30,}"),
    ("token", r"pul-[a-f0-9]{40,}"),
    ("token", r"nf[pou]_[A-Za-z0-9]{36,}"),
    ("token", r"bkua_[a-f0-9]{40,}"),
    ("token", r"CCI(?:PAT|PRJ)_[A-Za-z0-9_-]{20,}"),
    ("token", r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{50,}"),  # Artifactory
    ("token", r"tskey-(?:auth|api|client)-[A-Za-z0-9-]{16,}"),
    ("token", r"airra_(?:api|in)_[A-Za-z0-9_-]{20,}"),
    ("password hash", r"\$(?:2[abxy]|argon2(?:id|i|d)|[156y]|7)\$[A-Za-z0-9./$=,+-]{20,}"),
    ("credential", _USERINFO),
)
_LOOSE: tuple[tuple[str, str], ...] = (
    ("token", r"(?:sk|rk)[-_](?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}"),
    ("token", r"(?:SK|AC)[a-f0-9]{32,}"),
    ("token", r"key-[a-f0-9]{32,}"),
    ("token", r"hf_[A-Za-z0-9]{30,}"),
    ("token", r"s\.[A-Za-z0-9]{24}(?![A-Za-z0-9.])"),
    ("token", r"[MNO][A-Za-z0-9]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"),  # Discord
    ("token", r"EAA[A-Za-z0-9]{40,}"),
    ("token", r"AAAAAAAA[A-Za-z0-9%]{60,}"),  # bearer tokens of X
)
# Names that count inside a longer one (dbPassword), and names that only count as whole words.
_LONG = (
    r"pass(?:word|wd|phrase|code)|passwd|secret|token|credentials?|authorization|cookie"
    r"|(?:api|access|private|secret|signing|encryption|account|master|license|auth)[_. -]?key"
    r"|connection[_-]?string|session[_-]?id|client[_-]?secret"
)
_NAME = rf"(?:(?:{_LONG})|(?<![A-Za-z])(?:pass|pwd|otp|sid))"
_SIGNED = rf"(?:{_NAME}|signature|(?<![A-Za-z])(?:sig|key|hmac)(?![A-Za-z]))"
_MADE = r"(?!\\?[\"']?\[redacted)"
_ASSIGNS = r"\s{0,3}(?:=>|:=|[=:>])\s{0,3}"
_VALUE = (
    rf"(?:\\\"{_MADE}[^\"\\\r\n]{{3,}}"
    rf"|\"{_MADE}(?:[^\"\\\r\n]|\\.){{3,}}"
    rf"|'{_MADE}(?:[^'\\\r\n]|\\.){{3,}}"
    rf"|{_MADE}[^\s\"',;&<>}}\\]{{4,}})"
)
_NAMED: tuple[tuple[str, str], ...] = (
    ("credential", r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    ("credential", r"(?i)(?<=basic )[A-Za-z0-9+/=]{12,}"),
    (
        "credential",
        (
            rf"(?i)(?<=authorization)\\?[\"']?{_ASSIGNS}\\?[\"']?"
            rf"{_MADE}(?!(?:bearer|basic) \[redacted)[^\r\n\"'\\]{{4,}}"
        ),
    ),
    ("cookie", rf"(?i)(?<=cookie)\\?[\"']?{_ASSIGNS}\\?[\"']?{_MADE}[^\r\n\"'\\]{{4,}}"),
    # name=value, "name": "value", name => value, <name>value<, --name value
    ("secret", rf"(?i){_NAME}(?:[_-][A-Za-z0-9]{{1,12}})?\\?[\"']?{_ASSIGNS}{_VALUE}"),
    ("secret", rf"(?i)--{_NAME}[ =]\\?[\"']?{_MADE}[^\s\"']{{4,}}"),
)
# What a pattern cannot do without, where it does not begin with it.
_MARKS = {
    _JWT: "eyJ",
    r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}": "Q~",
    r"[0-9a-f]{32}-us[0-9]{1,2}": "-us",
    r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}": ".atlasv1.",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}": ":AA",
    _USERINFO: "@",
}


_BEGINNING = re.compile(r"(?:[A-Za-z0-9_/ -]|\\[.$])+(?=[\[(]|$)")


def _form(kind: str, pattern: str, *, is_loose: bool = False) -> Form:
    mark = _MARKS.get(pattern, "")
    beginning = _BEGINNING.match(pattern)
    if not mark and beginning is not None and "|" not in re.sub(r"\([^)]*\)", "", pattern):
        mark = beginning.group().replace("\\", "")
    return Form(kind, re.compile(pattern, re.DOTALL), mark, is_loose)


FORMS: tuple[Form, ...] = (
    *(_form(kind, pattern) for kind, pattern in _MARKED),
    *(_form(kind, pattern, is_loose=True) for kind, pattern in _LOOSE),
)
# No telling name is without one of these.
ROOTS = (
    "pass", "pwd", "secret", "token", "cred", "auth", "cookie", "key", "connection", "session",
    "otp", "sid", "sig", "hmac", "bearer", "basic",
)  # fmt: skip
NAMED: tuple[Form, ...] = tuple(Form(kind, re.compile(pattern)) for kind, pattern in _NAMED)
KEYS = re.compile(rf"(?i){_NAME}(?![A-Za-z])")
NEAR = re.compile(
    rf"(?i){_SIGNED}[^\r\n]{{0,40}}?"
    r"(?<![A-Za-z0-9+/_-])(?P<it>[A-Za-z0-9+/_-]{20,}={0,2})"
)
CARD = re.compile(
    r"(?<![0-9.])(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6011|65[0-9]{2})"
    r"(?:[ -]?[0-9]{4}){3}(?![0-9])"
    r"|(?<![0-9.])3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}(?![0-9])"
)
_LEAST_BITS = 3.2  # a character, of a text that is drawn at random


def is_random(text: str) -> bool:
    """Letters and digits mixed, and no repetition: nobody's word. Hex has 4 bits a character."""
    if not any(c.isdigit() for c in text) or not any(c.isalpha() for c in text):
        return False
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return bits >= _LEAST_BITS


def passes_luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = (sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
