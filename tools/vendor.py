"""`make vendor`: fetch the browser libraries at fixed versions and write what was taken.

Runs `npm pack`, which verifies the registry's own checksum, copies the named files under
`static/vendor/`, builds one icon sprite, and records name, version, licence and SHA-256 in
`VENDOR.lock`. Nothing of npm is needed to run AIRRA, and nothing is loaded from elsewhere.
"""

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
LOCK = STATIC / "vendor" / "VENDOR.lock"


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    files: dict[str, str]  # path inside the package: path below static/


HTMX = Package(
    "htmx.org",
    "4.0.1",
    {
        "dist/htmx.min.js": "vendor/htmx-4.0.1.min.js",
        "dist/ext/hx-ptag.min.js": "vendor/hx-ptag-4.0.1.min.js",
    },
)
UPLOT = Package(
    "uplot",
    "1.6.32",
    {
        "dist/uPlot.iife.min.js": "vendor/uplot-1.6.32.min.js",
        "dist/uPlot.min.css": "vendor/uplot-1.6.32.min.css",
    },
)
LUCIDE = Package("lucide-static", "1.62.0", {})
SPRITE = "icons/sprite.svg"

ICONS = Path(__file__).with_name("icons.txt")  # Lucide names, one a line


def unpack(package: Package, into: Path) -> Path:
    """The package's folder, fetched below `into`."""
    spec = f"{package.name}@{package.version}"
    done = subprocess.run(
        ["npm", "pack", "--json", "--silent", spec],
        cwd=into,
        check=True,
        capture_output=True,
        text=True,
    )
    archive = into / str(json.loads(done.stdout)[0]["filename"])
    target = into / package.name
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    return target / "package"


def sprite(folder: Path) -> str:
    """One SVG with a symbol for each icon; `.icon` in components.css draws the strokes."""
    symbols = []
    for name in sorted(ICONS.read_text(encoding="utf-8").split()):
        svg = (folder / "icons" / f"{name}.svg").read_text(encoding="utf-8")
        inner = re.sub(
            r"\s+", " ", svg[svg.index(">", svg.index("<svg")) + 1 : svg.index("</svg>")]
        )
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{inner.strip()}</symbol>')
    return "\n".join(['<svg xmlns="http://www.w3.org/2000/svg">', *symbols, "</svg>\n"])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def take(package: Package, folder: Path) -> list[dict[str, str]]:
    """Copy the package's files and return their lock entries."""
    if package is LUCIDE:
        (STATIC / SPRITE).write_text(sprite(folder), encoding="utf-8")
        targets = [SPRITE]
    else:
        targets = list(package.files.values())
        for source, target in package.files.items():
            body = (folder / source).read_bytes()
            # A source map is not shipped, and the hashing storage would look for it.
            (STATIC / target).write_bytes(re.sub(rb"\n//# sourceMappingURL=\S+\s*$", b"\n", body))
    licence = json.loads((folder / "package.json").read_text(encoding="utf-8"))["license"]
    return [
        {
            "file": target,
            "package": package.name,
            "version": package.version,
            "licence": licence,
            "sha256": digest(STATIC / target),
        }
        for target in targets
    ]


def main() -> None:
    entries: list[dict[str, str]] = []
    for package in (HTMX, UPLOT, LUCIDE):
        with tempfile.TemporaryDirectory() as scratch:
            entries += take(package, unpack(package, Path(scratch)))
    LOCK.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
