"""Evidence packs without a shop: what is listed and signed, what is masked, and every way in which a change is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mingzhang.kit.errors import Problem
from mingzhang.packs import manifest as manifests
from mingzhang.packs import paper
from mingzhang.packs.messages import RawMessage, message_parts
from mingzhang.packs.model import PARTS_MAX, Edition, Head, Part
from mingzhang.transparency import verify_offline
from mingzhang.transparency.entry import Change, canonical
from mingzhang.transparency.merkle import inclusion_parts, leaf_hash, prove, root
from mingzhang.transparency.notes import COSIGNED, Checkpoint, Signer, sign_checkpoint
from mingzhang.transparency.receipt import Logged, render
from mingzhang.transparency.tiles import WIDTH, reader
from mingzhang.transparency.tree import Edge

SIGNER = Signer("shop.example/log", b"\x05" * 32)
ORDER = "M0002RZAUWU88CQ22NX"
AT = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
SECRETS = [("13800138000", "138****8000"), ("买家@例子.中国", "买***"), ("home/wang lei", "h***")]


def receipt_of(subject: str, events: list[str], evidence: str = "", entries: int = 5) -> bytes:
    """A receipt of the one change of the last entry of a log of that many."""
    shown = {"v": 1, "subject": subject, "seq": 1, "events": events, "at": "2026-11-24T01:02:03.000000Z"}
    shown |= {"evidence": evidence, "money": [["channel", "alipay", 10000]], "salt": "00", "sealed": "00"}
    change = Change(1, shown, {})
    data = [bytes([n]) * 32 for n in range(entries - 1)] + [hashlib.sha256(change.canonical()).digest()]
    tile = b"".join(map(leaf_hash, data))
    edge = Edge.empty()
    edge.append(data)
    assert entries < WIDTH
    read = reader({(0, 0): tile})
    note = sign_checkpoint(Checkpoint(SIGNER.name, entries, root(entries, read)), SIGNER).whole()
    proof = prove(inclusion_parts(entries - 1, entries), read)
    return render(Logged(entries - 1, 0, data[-1], change), proof, note, SIGNER, [])


def pack_of(*more: Part, receipt: bool = True, order: str = ORDER, bare: bool = False) -> bytes:
    """A small pack."""
    parts = [Part("order.json", b"{}", "订单"), Part("messages/001.txt", b"paid", "报文")]
    parts += [*([] if bare else [Part("receipts/00001.json", receipt_of(ORDER, ["paid"]), "凭据")]), *more]
    head = Head(
        edition=Edition.BUYER,
        order_id=order,
        shop="店",
        made_at="2026-11-24T01:02:03.000000Z",
        collected={"how": "自动"},
        health={"log_size": 5},
        log_key=SIGNER.verifier.text(),
    )
    body = manifests.make_manifest(head, parts)
    own = receipt_of("PACK-X", ["pack_made"], hashlib.sha256(body).hexdigest()) if receipt else None
    return manifests.bind(parts, body, manifests.sign_manifest(body, order, SIGNER), own)


def refused(pack: bytes, **pinned: Any) -> str:
    with pytest.raises(verify_offline.Refused) as why:
        verify_offline.check_pack(pack, **pinned)
    return str(why.value)


def remade(change: dict[str, bytes | None]) -> bytes:
    """The same zip form with other parts: what a forger without the key can make."""
    files: dict[str, bytes | None] = {**verify_offline.unpack_zip(pack_of()), **change}
    return verify_offline.pack_zip([(name, data) for name, data in files.items() if data is not None])


def test_a_pack_holds_and_says_what_is_in_it() -> None:
    manifest, receipts, own = verify_offline.check_pack(pack_of(), SIGNER.verifier.text())
    assert manifest["order"] == ORDER
    assert [part["name"] for part in manifest["parts"]] == sorted(part["name"] for part in manifest["parts"])
    assert [body["statement"]["subject"] for body in receipts] == [ORDER]
    assert own is not None
    assert verify_offline.check_pack(pack_of(receipt=False))[2] is None


def test_whatever_is_changed_is_named() -> None:
    files = verify_offline.unpack_zip(pack_of())
    assert "messages/001.txt" in refused(remade({"messages/001.txt": b"Paid"}))
    assert refused(remade({"order.json": None})) == "a part is missing: order.json"
    assert "does not name: further.txt" in refused(remade({"further.txt": b""}))
    body = json.loads(files["manifest.json"]) | {"shop": "别的店"}
    assert "not the one that was signed" in refused(remade({"manifest.json": canonical(body)}))
    assert "canonical" in refused(remade({"manifest.json": files["manifest.json"] + b"\n"}))
    assert "missing" in refused(remade({"manifest.note": None}))
    assert "another manifest's" in refused(
        remade({"manifest-receipt.json": receipt_of("PACK-Y", ["pack_made"], "00" * 32)})
    )
    assert "another order's" in refused(pack_of(Part("receipts/2.json", receipt_of("S1", ["paid"]), "")))
    assert "another key" in refused(
        pack_of(), pinned=Signer("shop.example/log", b"\x06" * 32).verifier.text()
    )
    assert "one form" in refused(pack_of() + b"\n")
    assert refused(b"PK") == "not a pack"


@pytest.mark.parametrize("changes", [50, pytest.param(1_000, marks=pytest.mark.long)])
def test_no_changed_byte_passes(changes: int) -> None:
    pack, chosen = pack_of(), random.Random(changes)
    for _ in range(changes):
        at = chosen.randrange(len(pack))
        other = bytes([pack[at] ^ 1 << chosen.randrange(8)])
        assert refused(pack[:at] + other + pack[at + 1 :])


def test_names_and_sizes_are_bounded() -> None:
    with pytest.raises(Problem, match="pack_too_large"):
        pack_of(*(Part(f"x{n}.txt", b"", "") for n in range(PARTS_MAX)))
    for name in ("../up.txt", "/root", "A.txt", "manifest.json", "order.json", "a b"):
        with pytest.raises(ValueError, match="name"):
            pack_of(Part(name, b"", ""))


def message(party: str, kind: str, body: bytes, standing: str = "verified") -> RawMessage:
    return RawMessage(
        evidence_id="E",
        party=party,
        kind=kind,
        direction="in",
        standing=standing,
        content_type="application/json; charset=utf-8",
        body=body,
        sha256=hashlib.sha256(body).digest(),
        known_at=AT,
        side={"alipay": "channel", "fulu": "supplier"}.get(party, ""),
    )


def shown(
    one: RawMessage, edition: Edition, goods: str = "mobile", *, clear: bool = False, sha256: bytes = b""
) -> bytes | str:
    """What an edition shows of a message: its body, or why not."""
    ((told,), parts) = message_parts([one], edition, goods, [] if clear else SECRETS)
    assert told["sha256"] == (sha256 or hashlib.sha256(one.body).digest()).hex()
    assert told["masked"] == (bool(parts) and parts[0].data != one.body)
    return parts[0].data if parts else str(told["withheld"])


def test_an_edition_sees_what_it_may() -> None:
    paid = message("alipay", "alipay.notify", b"total=100.00")
    assert shown(paid, Edition.BUYER) == paid.body
    assert "费用" in str(
        shown(message("alipay", "alipay.trade.query", b'{"charge_amount":1}'), Edition.BUYER)
    )
    forged = message("alipay", "alipay.notify", b"x", "forged")
    assert "验签" in str(shown(forged, Edition.BUYER))
    assert shown(forged, Edition.STAFF) == b"x"
    supplied = message("fulu", "fulu.order.info.get", b'{"price":"98.50"}')
    assert "供应商" in str(shown(supplied, Edition.STAFF))
    assert shown(supplied, Edition.AUDITOR) == supplied.body
    assert "卡密" in str(shown(supplied, Edition.AUDITOR, "card"))
    assert "清空" in str(shown(msgspec.structs.replace(paid, body=b""), Edition.BUYER, sha256=paid.sha256))
    assert "收款账户" in str(shown(message("bank", "bank.pain001", b"x"), Edition.AUDITOR))
    assert "其他订单" in str(shown(message("alipay", "settlement.list", b""), Edition.AUDITOR))
    assert "过长" in str(shown(message("alipay", "alipay.notify", b"x" * 70_000), Edition.AUDITOR))


@pytest.mark.parametrize(
    "body",
    [
        b'{"account":"13800138000"}',
        "买家@例子.中国".encode(),
        b"to=%E4%B9%B0%E5%AE%B6%40%E4%BE%8B%E5%AD%90.%E4%B8%AD%E5%9B%BD",
        b'"\\u4e70\\u5bb6@\\u4f8b\\u5b50.\\u4e2d\\u56fd"',
        b'"\\u4E70\\u5bb6\\u0040\\u4f8b\\u5B50.\\u4e2d\\u56fd"',
        b"to=%e4%b9%b0%e5%ae%b6%40%e4%be%8b%e5%ad%90.%e4%b8%ad%e5%9b%bd",
        b"biz=%257B%25E4%25B9%25B0%25e5%25ae%25b6%2540%25E4%25BE%258B%25E5%25AD%2590.%25E4%25B8%25AD%25E5%259B%25BD",
        b"biz=%22%5Cu4e70%5Cu5bb6%40%5Cu4f8b%5Cu5b50.%5Cu4e2d%5Cu56fd%22",
        b"<account>&#20080;&#x5BB6;&#64;&#x4f8b;\xe5\xad\x90.\xe4\xb8\xad\xe5\x9b\xbd</account>",
        b'{"path":"home\\/wang lei"}',
        b"path=home%2fwang+lei",
        *(base64.b64encode(b"x" * n + b"13800138000" + b"y" * n) for n in range(4)),
        *(b"data=" + base64.urlsafe_b64encode(b"x" * n + b"home/wang lei") for n in range(3)),
        base64.b64encode("\xff?买家@例子.中国".encode()).replace(b"/", b"\\/").replace(b"+", b"%2B"),
    ],
)
def test_personal_data_is_masked_however_it_was_written(body: bytes) -> None:
    one = message("fulu", "fulu.order.mobile.add", body)
    after = shown(one, Edition.AUDITOR)
    assert isinstance(after, bytes)
    assert after != body
    assert b"***" in after
    assert shown(one, Edition.AUDITOR, clear=True) == body


def test_a_qr_code_holds_a_receipt_whole() -> None:
    receipt = receipt_of(ORDER, ["paid"], entries=200)
    text = paper.qr_text(json.loads(receipt), "https://shop.example")
    assert text.startswith("https://shop.example/log/verify.html#r=")
    assert verify_offline.from_qr(text.encode()) == receipt
    with pytest.raises(verify_offline.Refused, match="not whole"):
        verify_offline.from_qr(text[:-9].encode() + b"*")
    assert (
        paper.qr_text({"entry": [hashlib.sha256(bytes([n])).hexdigest() for n in range(99)]}, "https://x")
        == ""
    )


def test_columns_are_as_wide_as_what_they_hold() -> None:
    assert paper.widths(("时间", "事"), (("2026-11-24 01:02:03", "a" * 99),)) == [19, paper.WIDTH_MAX]
    assert paper.widths(("a",), ()) == [paper.WIDTH_MIN]


def test_a_pack_without_a_cosigned_receipt_does_not_pass_for_a_witnessed_one() -> None:
    witness = Signer("eye.example", b"\x06" * 32, COSIGNED).verifier.text()
    assert "not cosigned" in refused(pack_of(), witnesses=[witness])
    bare = pack_of(bare=True)
    assert verify_offline.check_pack(bare)[1] == []
    assert "cosigned by a witness" in refused(bare, witnesses=[witness])


def test_a_signed_statement_of_another_form_is_refused_and_none_moves_the_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(receipt_of("M\x1b[2J", ["paid"]))
    assert verify_offline.main([str(file)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    bad: Any = [1]
    file.write_bytes(receipt_of(ORDER, bad))
    assert verify_offline.main([str(file)]) == 1
    assert "REFUSED" in capsys.readouterr().out
