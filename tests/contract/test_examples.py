"""The worked examples are found, made and checked as any other package is, and the check would notice a liar."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mingzhang.app.adapters import CHANNELS, SUPPLIERS, find
from mingzhang.app.check_adapters.runner import check_adapter
from mingzhang.payments.channels.base import RefundAnswer, RefundState

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both packages as `pip install` would leave them: on the path, with the metadata of their pyproject.toml."""
    for folder in EXAMPLES.iterdir():
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = project["entry-points"].items()
        lines = [
            f"[{group}]\n" + "".join(f"{n} = {t}\n" for n, t in points.items()) for group, points in groups
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(folder / "src"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("acme_pay", "acme_topup")]:
        del sys.modules[name]


async def test_the_channel_and_the_supplier_keep_the_contract(installed: None) -> None:
    assert find(CHANNELS)["acme-pay"].package == "mingzhang-acme-pay"
    for group, name, passed in ((CHANNELS, "acme-pay", 15), (SUPPLIERS, "acme-topup", 20)):
        report = await check_adapter(group, name, "", lambda _result: None)
        assert [(each.name, each.why) for each in report.results if each.ending == "failed"] == []
        assert (report.ok, report.version, report.passed >= passed) == (True, "0.1.0", True), report


async def test_a_channel_that_lies_is_caught(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every refund has arrived, it says."""
    import acme_pay.channel

    async def lie(self: Any, payment_no: str, refund_no: str, transaction_id: str = "") -> RefundAnswer:
        return RefundAnswer(state=RefundState.ARRIVED, amount_fen=10005)

    monkeypatch.setattr(acme_pay.channel.AcmePay, "query_refund", lie)
    report = await check_adapter(CHANNELS, "acme-pay", "", lambda _result: None)
    failed = {each.name: each.why for each in report.results if each.ending == "failed"}
    assert not report.ok
    assert "wanted not_found" in failed["a_trade_nobody_opened_is_not_found_everywhere"]
