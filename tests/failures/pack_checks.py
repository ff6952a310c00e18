"""An evidence pack of a real order, checked where there is no shop: used by the test of the public record."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from house import House
from mingzhang.app.packs import make_pack
from mingzhang.packs.model import Edition
from mingzhang.transparency import verify_offline

CHANGES = 50
COST_WORDS = ("cost_fen", "spent.", "source.platform", "supplier.free", "margin")


def alone(script: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """The stand-alone program on one file: Python's own library alone, no site packages, no network where it can be cut."""
    command = [sys.executable, "-I", "-S", str(script), file.name]
    cut = shutil.which("unshare")
    if cut and subprocess.run([cut, "-rn", "true"], capture_output=True, check=False).returncode == 0:
        command = [cut, "-rn", *command]
    return subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False)


def refuse_changes(pack: bytes, changes: int, seed: int) -> None:
    """So many random changes of one byte: each is refused, with a reason."""
    chosen = random.Random(seed)
    for _ in range(changes):
        at = chosen.randrange(len(pack))
        other = bytes([chosen.choice([byte for byte in range(256) if byte != pack[at]])])
        with pytest.raises(verify_offline.Refused) as refusal:
            verify_offline.check_pack(pack[:at] + other + pack[at + 1 :])
        assert str(refusal.value)


async def check_packs(house: House, order_id: str, script: Path) -> bytes:
    """The buyer's edition from the shop's own address, and the auditor's; returns the buyer's."""
    ctx, settings = house.desk.ctx, house.desk.settings
    headers = {"Authorization": f"Bearer {ctx.vault.token(order_id)}"}
    async with house.http.get(f"{house.url}/api/v1/orders/{order_id}/pack", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "application/zip"
        pack = await answer.read()
    async with house.http.get(f"{house.url}/api/v1/orders/{order_id}/pack") as answer:
        assert answer.status == 401
    file = script.parent / "pack.zip"
    file.write_bytes(pack)
    told = alone(script, file)
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"evidence pack of order {order_id}, buyer edition" in told.stdout
    assert "the manifest itself stands in the log" in told.stdout
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:  # any program opens it
        assert opened.testzip() is None
        files = {name: opened.read(name) for name in opened.namelist()}
    _buyers(files, order_id)
    _auditors(verify_offline.unpack_zip(await make_pack(ctx, settings, order_id, Edition.AUDITOR, wait_s=0)))
    return pack


def _buyers(files: dict[str, bytes], order_id: str) -> None:
    order = json.loads(files["order.json"])
    assert (order["order_id"], order["price_fen"], order["rule_version"]) == (order_id, 10000, 1)
    kinds = [line["kind"] for line in json.loads(files["timeline.json"])]
    assert {"placed", "paid", "sent", "delivered"} <= set(kinds)
    messages = json.loads(files["messages.json"])
    assert any(one["kind"].endswith("notify") and one["file"] in files for one in messages)
    assert all(one["withheld"] for one in messages if one["party"] == "fulu")
    assert json.loads(files["supplies.json"])[0]["feedback"]
    assert files["rules.txt"]
    assert "ledger.json" not in files
    everything = b"\n".join(files[name] for name in files if not name.startswith("verify.")).decode(
        "utf-8", "replace"
    )
    assert "13800138000" not in everything
    assert "buyer@example.com" not in everything
    assert [word for word in COST_WORDS if word in everything] == []
    health = json.loads(files["manifest.json"])["health"]
    assert health["log_size"] > 0
    assert health["schema"]


def _auditors(files: dict[str, bytes]) -> None:
    legs = json.loads(files["ledger.json"])
    assert sum(leg["amount_fen"] for leg in legs) == 0
    assert json.loads(files["supplies.json"])[0]["cost_fen"] > 0
    messages = json.loads(files["messages.json"])
    shown = [one for one in messages if one["party"] == "fulu" and one["file"]]
    assert {one["direction"] for one in shown} == {"in", "out"}
    bodies = b"".join(files[one["file"]] for one in shown)
    assert b"13800138000" not in bodies
    assert any(one["masked"] for one in shown)
    assert any(name.startswith("sealed/") for name in files)
