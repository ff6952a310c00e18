"""Promises of the project's own files: locks that any mirror can serve, tests that stay on this machine."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "tools/build.lock", "tools/uv.lock")


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_hashes_and_no_address(name: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert all(re.match(r"[a-z0-9.-]+==\S+", block) and "--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--index|--find-links|#", "\n".join(blocks))


def test_locks_agree_with_each_other() -> None:
    runtime, dev, build = pins("requirements.lock"), pins("requirements-dev.lock"), pins("tools/build.lock")
    assert runtime.items() <= dev.items()
    assert all(dev.get(name, version) == version for name, version in build.items())


def test_the_npm_lock_is_exact_and_without_addresses() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    packages.pop("")
    assert all(
        "resolved" not in entry and entry["integrity"].startswith("sha512-") for entry in packages.values()
    )
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_every_asset_has_its_hash_and_comes_from_a_pinned_package() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    served = [(*row, "dependencies") for row in json.loads((ROOT / "tools/assets.json").read_text())]
    tested = [(*row, "devDependencies") for row in json.loads((ROOT / "tools/assets-dev.json").read_text())]
    for name, _, target, sha256, kind in served + tested:
        assert name in package[kind]
        assert re.fullmatch(r"[a-z0-9.-]+\.(min\.(css|js)|ttf)", target)
        assert re.fullmatch(r"[0-9a-f]{64}", sha256)


def test_tests_cannot_reach_other_hosts() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="this machine only"):
        outside.connect(("192.0.2.1", 9))
