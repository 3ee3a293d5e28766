"""Secrets to plant, one maker a kind, and ways in which they are written down."""

import base64
import html
import json
import random
import string
from collections.abc import Callable
from urllib.parse import quote

Maker = Callable[[random.Random], str]
Writer = Callable[[random.Random, str], str]

UPPER, LOWER, HEX = (
    string.ascii_uppercase + string.digits,
    string.ascii_lowercase,
    "0123456789abcdef",
)
ALNUM = string.ascii_letters + string.digits
B64 = ALNUM + "+/"
URL64 = ALNUM + "-_"


def some(chars: str, count: int) -> Maker:
    return lambda r: "".join(r.choice(chars) for _ in range(count))


def made(*parts: str | Maker) -> Maker:
    return lambda r: "".join(part if isinstance(part, str) else part(r) for part in parts)


def _pem(word: str) -> Maker:
    def make(r: random.Random) -> str:
        lines = ["".join(r.choice(B64) for _ in range(64)) for _ in range(r.randint(2, 6))]
        body = "\n".join(lines)
        return f"-----BEGIN {word}-----\n{body}\n-----END {word}-----"

    return make


def _der(r: random.Random) -> str:
    head = b"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d\x06\x09"
    return base64.b64encode(head + r.randbytes(300)).decode()


def _jwt(r: random.Random) -> str:
    parts = [json.dumps({"alg": "HS256"}), json.dumps({"sub": str(r.random())})]
    coded = [base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts]
    return ".".join([*coded, some(URL64, 43)(r)])


# Recognised by their shape, wherever they stand.
SHAPED: dict[str, Maker] = {
    "aws key": made("AKIA", some(UPPER, 16)),
    "aws session key": made("ASIA", some(UPPER, 16)),
    "google key": made("AIza", some(URL64, 35)),
    "google oauth": made("ya29.", some(URL64, 60)),
    "google client secret": made("GOCSPX-", some(URL64, 28)),
    "azure client secret": made(some(ALNUM, 3), "8Q~", some(ALNUM, 34)),
    "azure storage": made("AccountKey=", some(B64, 86), "=="),
    "digitalocean": made("dop_v1_", some(HEX, 64)),
    "alibaba": made("LTAI", some(ALNUM, 20)),
    "github": made("ghp_", some(ALNUM, 36)),
    "github app": made("ghs_", some(ALNUM, 36)),
    "github fine": made("github_pat_", some(ALNUM, 22), "_", some(ALNUM, 59)),
    "gitlab": made("glpat-", some(URL64, 20)),
    "slack bot": made("xoxb-", some("0123456789", 12), "-", some(ALNUM, 24)),
    "slack app": made("xapp-1-", some(UPPER, 11), "-", some("0123456789", 13)),
    "slack hook": made(
        "https://hooks.slack.com/services/T",
        some(UPPER, 8),
        "/B",
        some(UPPER, 8),
        "/",
        some(ALNUM, 24),
    ),
    "discord hook": made(
        "https://discord.com/api/webhooks/", some("0123456789", 18), "/", some(URL64, 68)
    ),
    "anthropic": made("sk-ant-api03-", some(URL64, 80)),
    "openai": made("sk-proj-", some(URL64, 60)),
    "stripe": made("sk_live_", some(ALNUM, 24)),
    "stripe hook": made("whsec_", some(ALNUM, 32)),
    "sendgrid": made("SG.", some(URL64, 22), ".", some(URL64, 43)),
    "mailchimp": made(some(HEX, 32), "-us12"),
    "npm": made("npm_", some(ALNUM, 36)),
    "pypi": made("pypi-AgEIcHlwaS5vcmc", some(URL64, 70)),
    "rubygems": made("rubygems_", some(HEX, 48)),
    "docker": made("dckr_pat_", some(URL64, 27)),
    "doppler": made("dp.pt.", some(ALNUM, 43)),
    "vault": made("hvs.", some(URL64, 90)),
    "terraform": made(some(ALNUM, 14), ".atlasv1.", some(URL64, 64)),
    "databricks": made("dapi", some(HEX, 32)),
    "new relic": made("NRAK-", some(UPPER, 27)),
    "grafana": made("glsa_", some(ALNUM, 32), "_", some(HEX, 8)),
    "linear": made("lin_api_", some(ALNUM, 40)),
    "shopify": made("shpat_", some(HEX, 32)),
    "square": made("sq0atp-", some(URL64, 22)),
    "telegram": made(some("123456789", 9), ":AA", some(URL64, 33)),
    "planetscale": made("pscale_tkn_", some(URL64, 43)),
    "supabase": made("sbp_", some(HEX, 40)),
    "postman": made("PMAK-", some(HEX, 24), "-", some(HEX, 34)),
    "sentry": made("sntrys_", some(B64, 60)),
    "airtable": made("pat", some(ALNUM, 14), ".", some(HEX, 64)),
    "atlassian": made("ATATT3xFfGF0", some(URL64, 60)),
    "figma": made("figd_", some(URL64, 40)),
    "pulumi": made("pul-", some(HEX, 40)),
    "tailscale": made("tskey-auth-", some(ALNUM, 12), "-", some(ALNUM, 32)),
    "airra": made("airra_api_", some(URL64, 40)),
    "age": made("AGE-SECRET-KEY-1", some(UPPER, 58)),
    "bcrypt": made("$2b$12$", some(ALNUM + "./", 53)),
    "jwt": _jwt,
    "pkcs8 pem": _pem("PRIVATE KEY"),
    "rsa pem": _pem("RSA PRIVATE KEY"),
    "openssh pem": _pem("OPENSSH PRIVATE KEY"),
    "encrypted pem": _pem("ENCRYPTED PRIVATE KEY"),
    "pgp block": _pem("PGP PRIVATE KEY BLOCK"),
    "der": _der,
}
# Recognised by what stands before them: the context, and the secret in it.
NAMED: dict[str, tuple[str, Maker]] = {
    "bearer": ("Authorization: Bearer {}", some(ALNUM, 24)),
    "basic": ("Authorization: Basic {}", some(ALNUM, 24)),
    "digest": ("authorization: Digest username=x, response={}", some(HEX, 32)),
    "cookie": ("Cookie: sid={}; theme=dark", some(ALNUM, 24)),
    "set-cookie": ("Set-Cookie: session={}; Path=/", some(ALNUM, 24)),
    "url": ("postgres://app:{}@db/x", some(ALNUM, 12)),
    "redis url": ("redis://:{}@cache:6379/0", some(ALNUM, 12)),
    "dsn": ("Server=db;User Id=app;Password={};", some(ALNUM, 12)),
    "pg dsn": ("host=db user=app password={} dbname=x", some(ALNUM, 12)),
    "json": ('{{"user": "app", "password": "{}"}}', some(ALNUM + " .,;!", 14)),
    "yaml": ("db:\n  password: {}\n  port: 1", some(ALNUM, 12)),
    "env": ("export DB_PASSWORD={}", some(ALNUM, 12)),
    "camel": ("dbPassword={}", some(ALNUM, 12)),
    "api key header": ("X-Api-Key: {}", some(ALNUM, 24)),
    "aws secret": ("aws_secret_access_key = {}", some(B64, 40)),
    "flag": ("mysql --password {} -h db", some(ALNUM, 12)),
    "xml": ("<password>{}</password>", some(ALNUM, 12)),
    "php": ("'client_secret' => '{}'", some(ALNUM, 20)),
    "signed url": ("https://b/x?X-Amz-Signature={}&a=1", some(HEX, 64)),
    "in prose": ("rotated the api key to {} today", some(HEX, 32)),
}


def _split(r: random.Random, text: str) -> str:
    """Wrapped by a terminal or a log shipper, with or without an indent."""
    at = r.randint(1, len(text) - 1)
    return text[:at] + r.choice(["\n", "\r\n", "\n    ", "\\\n"]) + text[at:]


def _coded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


WRITERS: dict[str, Writer] = {
    "plain": lambda r, t: t,
    "json": lambda r, t: json.dumps({"log": t}),
    "json in json": lambda r, t: json.dumps({"m": json.dumps({"log": t})}),
    "unicode escapes": lambda r, t: "".join(f"\\u{ord(c):04x}" for c in t),
    "c escapes": lambda r, t: "".join(f"\\x{ord(c):02x}" for c in t),
    "percent": lambda r, t: quote(t, safe=""),
    "all percent": lambda r, t: "".join(f"%{b:02X}" for b in t.encode()),
    "twice percent": lambda r, t: quote(quote(t, safe=""), safe=""),
    "entities": lambda r, t: "".join(f"&#{ord(c)};" for c in t),
    "html": lambda r, t: html.escape(t),
    "base64": lambda r, t: base64.b64encode(_coded(t)).decode(),
    "base64 url": lambda r, t: base64.urlsafe_b64encode(_coded(t)).decode().rstrip("="),
    "base64 of context": lambda r, t: base64.b64encode(_coded(f"u: x\n{t}\nend")).decode(),
    "base64 wrapped": lambda r, t: base64.encodebytes(_coded(t)).decode(),
    "base64 twice": lambda r, t: base64.b64encode(base64.b64encode(_coded(t))).decode(),
    "base64 of utf-16": lambda r, t: base64.b64encode(t.encode("utf-16-le")).decode(),
    "base32": lambda r, t: base64.b32encode(_coded(t)).decode(),
    "hex": lambda r, t: _coded(t).hex(),
    "hex pairs": lambda r, t: _coded(t).hex(" "),
}
SPLITS: dict[str, Writer] = {
    "split": _split,
    "split in json": lambda r, t: json.dumps({"log": _split(r, t)}),
    "zero width": lambda r, t: t[:4] + "\u200b" + t[4:],
}
