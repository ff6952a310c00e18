"""An evidence pack of a real order, checked where there is no shop: used by the test of the public record."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import pypdf
import pytest
import segno

from alone import run_alone
from house import House
from mingzhang.app.packs import make_pack
from mingzhang.app.receipts import read_receipt
from mingzhang.disputes.case import Said
from mingzhang.disputes.flow import Opening, add_message, open_dispute
from mingzhang.packs.model import Edition
from mingzhang.packs.paper import qr_text
from mingzhang.transparency import verify_offline

CHANGES = 50
LICENCE = """INSERT INTO licence (licence_id, version, kind, party, title, number, issuer, scope, valid_until, source_url,
  proof_sha256, ended, set_by, set_at)
VALUES ('L1', 1, 'own', '明账店', '营业执照', '91310000MA1FL0000X', '', '', '2030-01-01', '', '', false, 'root', now())"""
COST_WORDS = ("cost_fen", "spent.", "source.platform", "supplier.free", "margin")


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
    told = run_alone(script.parent, script.name, file.name)
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"evidence pack of order {order_id}, buyer edition" in told.stdout
    assert "the manifest itself stands in the log" in told.stdout
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:  # any program opens it
        assert opened.testzip() is None
        files = {name: opened.read(name) for name in opened.namelist()}
    _buyers(files, order_id)
    _sheets(files["pack.pdf"], order_id)
    await _receipt_paper(house, order_id)
    _auditors(verify_offline.unpack_zip(await make_pack(ctx, settings, order_id, Edition.AUDITOR, wait_s=0)))
    return pack


def read_pdf(body: bytes) -> tuple[int, str]:
    """How many pages, and what they say, without the marks at which long numbers may break."""
    pages = pypdf.PdfReader(io.BytesIO(body)).pages
    return len(pages), "".join("".join(page.extract_text() for page in pages).replace("\u200b", "").split())


def _sheets(body: bytes, order_id: str) -> None:
    _, text = read_pdf(body)
    for words in (
        "交易凭证",
        order_id,
        "¥100.00",
        "话费直充",
        "款项经过的每一步",
        "供应商请求与反馈",
        "第三方时间戳",
    ):
        assert "".join(words.split()) in text, words
    assert "到账成功" in text
    assert "支付宝确认收到您的¥100.00" in text
    assert "分录" not in text


async def _receipt_paper(house: House, order_id: str) -> None:
    """One page: how much was where and when; its QR code holds the receipt whole, and the program reads it."""
    desk = house.desk
    headers = {"Authorization": f"Bearer {desk.ctx.vault.token(order_id)}"}
    async with house.http.get(f"{house.url}/api/v1/orders/{order_id}/receipts", headers=headers) as answer:
        paid = next(one for one in await answer.json() if "paid" in one["events"])
    async with house.http.get(f"{house.url}{paid['url']}/pdf", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        pages, text = read_pdf(await answer.read())
    assert pages == 1
    for words in (f"订单{order_id}的¥100.00当时位于：支付宝", "支付宝", "北京时间", "包含证明", "时间戳"):
        assert words in text, words
    receipt = await read_receipt(desk, order_id, paid["seq"])
    text = qr_text(json.loads(receipt), house.url)
    assert len(segno.make(text, error="l").matrix) <= 137
    assert verify_offline.check(verify_offline.from_qr(text.encode()))[0] == json.loads(receipt)["statement"]


async def check_conversation(house: House, order_id: str) -> None:
    """What the buyer said stands in the buyer's edition; in others it does not, nor do names of the staff."""
    ctx, settings, words = house.desk.ctx, house.desk.settings, "钱没有退到我的卡上"
    opened = await open_dispute(ctx, Opening(order_id=order_id, kind="refund_not_arrived", words=words))
    await add_message(ctx, opened.dispute_id, Said(speaker="shop", text="请看渠道的退款编号", by="wang"))
    await house.desk.pool.execute(LICENCE)
    for edition, to_buyer, told in (
        (Edition.BUYER, True, words),
        (Edition.BUYER, False, ""),
        (Edition.STAFF, True, ""),
    ):
        made = await make_pack(ctx, settings, order_id, edition, to_buyer=to_buyer, wait_s=0)
        files = verify_offline.unpack_zip(made)
        (dispute,) = json.loads(files["disputes.json"])
        assert [line["text"] for line in dispute["lines"][:2]] == [told, "请看渠道的退款编号"]
        assert "wang" not in files["disputes.json"].decode()
        (licence,) = json.loads(files["licences.json"])
        assert (licence["number"], licence["valid_until"]) == ("91310000MA1FL0000X", "2030-01-01")
        (refund,) = json.loads(files["refunds.json"])
        assert (refund["state"], refund["amount_fen"]) == ("arrived", 10000)


def _buyers(files: dict[str, bytes], order_id: str) -> None:
    order = json.loads(files["order.json"])
    assert (order["order_id"], order["price_fen"], order["rule_version"]) == (order_id, 10000, 1)
    kinds = [line["kind"] for line in json.loads(files["timeline.json"])]
    assert {"placed", "paid", "sent", "delivered"} <= set(kinds)
    messages = json.loads(files["messages.json"])
    assert any(one["kind"].endswith("notify") and one["file"] in files for one in messages)
    assert all(one["withheld"] for one in messages if one["party"] == "fulu")
    assert json.loads(files["supplies.json"])[0]["feedback"]
    assert "合同成立" in files["rules.txt"].decode()
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
