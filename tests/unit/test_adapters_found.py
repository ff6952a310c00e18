"""Adapters are found by entry points: ours from one table that pyproject repeats, others' from their packages."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mingzhang.app.adapters import ANCHORS, BANKS, BUILT_IN, CHANNELS, SUPPLIERS, Adapters, find
from mingzhang.app.settings import Settings
from mingzhang.kit.clock import SystemClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound

ROOT = Path(__file__).parents[2]
MODULE = """
class Paid:
    methods = frozenset({"qr"})
    payer_methods = frozenset()
    def __init__(self, name, key):
        self.name, self.key = name, key

def make(given):
    key = given.settings.text("key")
    assert given.inner is None, "a stranger got the database"
    return Paid(given.name, key) if key else None

def named_otherwise(given):
    return Paid("alipay", "x")
"""


def install(folder: Path, package: str, **points: str) -> None:
    """A package as an installer leaves it: a module and its metadata."""
    (folder / f"{package}.py").write_text(MODULE)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name.replace('_', '-')} = {package}:{target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("[mingzhang.channels]\n" + "\n".join(lines) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("acme", "other"):
        sys.modules.pop(name, None)


def opened(**settings: str) -> Adapters:
    told = Settings(
        database_url="unused", secret_key=b"k" * 32, adapters={"stock_off": "1", "manual_off": "1"} | settings
    )
    return Adapters(told, Outbound(), SystemClock())


def test_the_table_and_pyproject_agree() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    for group in (ANCHORS, BANKS, CHANNELS, SUPPLIERS):
        assert declared[group] == dict(BUILT_IN[group])
        assert all(callable(found.load(group)) for found in find(group).values())


def test_ours_are_found_whatever_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    assert list(find(CHANNELS)) == ["alipay", "wechat", "epay"]


def test_a_strangers_adapter_is_found_and_told_its_settings(site: Path) -> None:
    install(site, "acme", acme_pay="make")
    assert find(CHANNELS)["acme-pay"].package == "acme"
    (site / "key").write_text("first\n")
    adapters = opened(acme_pay_key_file=str(site / "key"))
    assert adapters.channels["acme-pay"].key == "first"  # type: ignore[attr-defined]
    assert adapters.reread() == []
    (site / "key").write_text("second, longer\n")
    assert adapters.reread() == ["acme-pay"]
    assert adapters.channels["acme-pay"].key == "second, longer"  # type: ignore[attr-defined]
    (site / "key").unlink()
    assert adapters.reread() == []  # a file that is gone for a moment changes nothing
    assert "acme-pay" in adapters.channels
    assert opened().channels == {}  # not configured: not there


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ({"alipay": "make"}, "adapter_named_twice"),
        ({"UPPER": "make"}, "adapter_broken"),
        ({"acme": "nothing"}, "adapter_broken"),
        ({"acme": "named_otherwise"}, "adapter_broken"),
    ],
)
def test_what_is_wrong_with_a_package_is_named(site: Path, points: dict[str, str], code: str) -> None:
    install(site, "acme", **points)
    with pytest.raises(Problem, match=code) as caught:
        opened()
    assert "acme" in caught.value.detail


def test_a_wrong_setting_is_named_without_its_content(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="MINGZHANG_ALIPAY_PRIVATE_KEY_FILE names a file") as caught:
        opened(alipay_gateway="http://127.0.0.1:9", alipay_private_key_file=str(tmp_path / "none"))
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(Problem, match="MINGZHANG_ALIPAY_PRIVATE_KEY is required"):
        opened(alipay_gateway="http://127.0.0.1:9")


def test_the_environment_reaches_adapters_and_nobody_else_reads_it() -> None:
    told = Settings.from_env(
        {
            "DATABASE_URL": "postgres://x",
            "MINGZHANG_SECRET_KEY": "6b" * 32,
            "MINGZHANG_ACME_PAY_KEY": "k3y",
            "MINGZHANG_PORT": "9",
            "ACME_PAY_KEY": "not ours",
        }
    )
    assert dict(told.adapters) == {"acme_pay_key": "k3y"}
    assert "k3y" not in repr(told)
