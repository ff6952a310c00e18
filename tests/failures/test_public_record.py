"""The public record (R29, R32): receipts that hold without us, and no byte that changes unseen."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from anchor_checks import check_anchors, check_stamped
from pack_checks import check_conversation, check_packs, refuse_changes

from house import House, open_house
from mingzhang.app.demo import free_port
from mingzhang.app.http_log import read_receipts
from mingzhang.app.http_server import plain_config, serve_http
from mingzhang.app.http_witness import create_witness_app
from mingzhang.app.transparency import run_log, signer_of
from mingzhang.transparency import merkle, verify_offline
from mingzhang.transparency.notes import (
    COSIGNED,
    Checkpoint,
    Signer,
    parse_checkpoint,
    parse_note,
    parse_verifier,
    sign_checkpoint,
    verified,
)
from mingzhang.transparency.receipt import list_logged, make_receipt
from mingzhang.transparency.recheck import recheck, recheck_on
from mingzhang.transparency.sequencer import Sequencer
from mingzhang.transparency.tree import SQL
from mingzhang.transparency.witness import Memory, Witness
from mingzhang.transparency.witnessed import parse_witnesses, show

# What is changed behind the guards, in each table that the record covers, and how the drill names the row.
TAMPER = {
    "event": "UPDATE event SET kind = 'delivered' WHERE order_id = $1 AND kind = 'sent'",
    "leg": "UPDATE leg SET amount_fen = amount_fen + sign(amount_fen)::int WHERE subject = $1 AND posting = 'paid'",
    "evidence": "UPDATE evidence SET sha256 = set_byte(sha256, 0, get_byte(sha256, 0) # 1) WHERE evidence_id IN "
    "(SELECT evidence_id FROM leg WHERE subject = $1 AND posting = 'paid')",
    "orders": "UPDATE orders SET price_fen = price_fen - 1 WHERE order_id = $1",
    "log_entry": "UPDATE log_entry SET data = set_byte(data, 3, get_byte(data, 3) # 1) WHERE subject = $1",
    "log_anchor": "UPDATE log_anchor SET stamped_at = stamped_at - interval '1 day' WHERE $1 <> ''",
    "log_checkpoint": "UPDATE log_checkpoint SET note = overlay(note placing 'Z' from length(note) - 5) "
    "WHERE $1 <> ''",
    "new leg": "INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at) "
    "SELECT bucket, subject, seq + 90, n, posting, place, party, owner, amount_fen, evidence_id, at FROM leg "
    "WHERE subject = $1 AND posting = 'paid'",
}
GUARDED = ("event", "leg", "evidence", "log_entry", "log_tile", "log_checkpoint", "log_anchor")


def quiet(done: int, of: int) -> None:
    """Nobody watches."""


async def _sequence(house: House) -> None:
    sequencer = Sequencer(house.desk.pool, signer_of(house.desk.settings), house.desk.ctx.now)
    while await sequencer.round():
        continue


async def _get(house: House, path: str, token: str = "") -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with house.http.get(f"{house.url}{path}", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def test_a_receipt_holds_without_the_shop_and_no_changed_byte_passes(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, anchor_every_s=60.0) as house:
        ended = asyncio.Event()  # the record is kept beside the orders, as in a worker
        beside = asyncio.create_task(run_log(house.desk.ctx, signer_of(house.desk.settings), ended))
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        refused = await house.buy(("fulu", "account_banned"))
        await house.until(refused, lambda page: page.pay_badge == "refunded")
        await house.stop_worker()
        (tmp_path / "alone").mkdir()
        script = tmp_path / "alone" / "verify.py"
        script.write_bytes(await _get(house, "/log/verify.py"))
        await check_anchors(house)
        await check_conversation(house, refused)
        refuse_changes(await check_packs(house, order_id, script), 50, seed=8)
        ended.set()
        await beside
        await _sequence(house)

        # Everybody reads the log; its tiles make the root that is signed.
        note = parse_note((await _get(house, "/log/checkpoint")).decode())
        assert verified(note, parse_verifier((await _get(house, "/log/key")).decode()))
        state = parse_checkpoint(note.text)
        tile = await _get(house, f"/log/tile/0/000.p/{state.size}")
        leaves = {(0, index): tile[index * 32 : index * 32 + 32] for index in range(state.size)}
        bundle = await _get(house, f"/log/tile/entries/000.p/{state.size}")
        assert merkle.leaf_hash(bundle[2 : 2 + int.from_bytes(bundle[:2])]) == leaves[0, 0]
        async with house.http.get(f"{house.url}/log/tile/0/000.p/{state.size + 1}") as answer:
            assert answer.status == 404

        # The buyer's receipts, checked by the stand-alone program in a folder of its own.
        token = house.desk.ctx.vault.token(order_id)
        listed = json.loads(await _get(house, f"/api/v1/orders/{order_id}/receipts", token))
        kinds = [kind for entry in listed for kind in entry["events"]]
        assert kinds[:2] == ["placed", "payment_opened"]
        assert {"paid", "sent", "delivered"} <= set(kinds)
        links = await read_receipts(house.desk, order_id)
        assert [link.events for link in links] == [tuple(entry["events"]) for entry in listed]
        paid = next(entry for entry in listed if "paid" in entry["events"])
        receipt = await _get(house, paid["url"], token)
        assert json.loads(receipt)["statement"]["money"] == [["channel", "alipay", 10000]]
        check_stamped(receipt)
        (tmp_path / "alone" / "receipt.json").write_bytes(receipt)
        command = [sys.executable, "-I", str(script), "receipt.json"]
        told = subprocess.run(command, cwd=tmp_path / "alone", capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr
        assert "¥100.00  at the payment channel (alipay)" in told.stdout
        async with house.http.get(
            f"{house.url}{paid['url']}", headers={"Authorization": "Bearer x"}
        ) as answer:
            assert answer.status == 401

        # A thousand random changes: each is refused, with a reason.
        chosen = random.Random(8)
        for _ in range(1_000):
            at = chosen.randrange(len(receipt))
            other = bytes([chosen.choice([byte for byte in range(256) if byte != receipt[at]])])
            try:
                verify_offline.check(receipt[:at] + other + receipt[at + 1 :])
            except verify_offline.Refused as refusal:
                assert str(refusal)
            else:
                raise AssertionError(f"byte {at} may be {other!r}")

        await _witnessed(house, order_id, tmp_path)
        await _drill(house, order_id)


async def _witnessed(house: House, order_id: str, folder: Path) -> None:
    """A witness of its own signs what grew from what it knows, and nothing else; receipts then carry its word."""
    settings, pool = house.desk.settings, house.desk.pool
    log = signer_of(settings).verifier
    signer = Signer("eye.example", b"\x07" * 32, COSIGNED)
    stop, port = asyncio.Event(), free_port()
    eye = Witness(signer, [log], Memory(folder / "seen.json"))
    serving = asyncio.create_task(
        serve_http(plain_config(create_witness_app(eye, signer.verifier), "127.0.0.1", port), stop)
    )
    (address,) = parse_witnesses(f"# who looks on\nhttp://127.0.0.1:{port} {signer.verifier.text()}\n")
    first = await pool.fetchrow(SQL.read_head)
    try:
        outcome = ""
        while outcome in {"", "never_connected"}:
            outcome = await show(pool, house.desk.http, address, house.desk.ctx.now())
        assert outcome == "cosigned"
        assert await show(pool, house.desk.http, address, house.desk.ctx.now()) == "current"
        await house.place()
        await _sequence(house)
        assert await show(pool, house.desk.http, address, house.desk.ctx.now()) == "cosigned"
    finally:
        stop.set()
        await serving
    head = await pool.fetchrow(SQL.read_head)
    assert head["size"] == first["size"] + 1

    # Its refusals, in the protocol's order. What another history would look like is never signed.
    again = Witness(signer, [log], Memory(folder / "seen.json"))
    other = sign_checkpoint(Checkpoint(log.name, head["size"], bytes(32)), signer_of(settings)).whole()
    old = f"old {head['size']}\n\n"
    assert again.add_checkpoint(b"old x\n\n", 1).status == 400
    assert (
        again.add_checkpoint(f"{old}{other.replace(log.name, 'other.example/log')}".encode(), 1).status == 404
    )
    forged = head["note"].replace(f"\n{head['size']}\n", f"\n{head['size'] + 1}\n")
    assert again.add_checkpoint(f"{old}{forged}".encode(), 1).status == 403
    assert again.add_checkpoint(f"old {head['size'] + 1}\n\n{head['note']}".encode(), 1).status == 400
    assert again.add_checkpoint(f"old {first['size']}\n\n{head['note']}".encode(), 1).status == 409
    assert again.add_checkpoint(f"{old}{other}".encode(), 1) == (409, f"{head['size']}\n", "text/x.tlog.size")
    grown = sign_checkpoint(Checkpoint(log.name, head["size"] + 1, bytes(32)), signer_of(settings)).whole()
    assert again.add_checkpoint(f"{old}{grown}".encode(), 1).status == 422
    assert again.add_checkpoint(f"{old}{head['note']}".encode(), 1).status == 200

    async with pool.acquire() as conn:
        logged = (await list_logged(conn, order_id))[0]
        receipt = await make_receipt(conn, logged, signer_of(settings), [signer.verifier])
    assert receipt is not None
    key = signer.verifier.text()
    assert verify_offline.check(receipt, log.text(), [key])[2]["witness_keys"] == [key]
    body = json.loads(receipt)
    line = body["checkpoint"].split("\n")[-2]
    body["checkpoint"] = body["checkpoint"].replace(f"{line}\n", "")
    with pytest.raises(verify_offline.Refused, match="did not sign"):
        verify_offline.check(verify_offline.canonical(body))


async def _drill(house: House, order_id: str) -> None:
    """One byte in each table, behind the database's guards: the drill names the row, and only when it is changed."""
    pool, verifier = house.desk.pool, signer_of(house.desk.settings).verifier
    entries, troubles = await recheck(pool, verifier, quiet)
    assert entries >= 2
    assert troubles == []
    for table, change in TAMPER.items():
        async with pool.acquire() as conn:
            outer = conn.transaction()
            await outer.start()
            for guarded in GUARDED:
                await conn.execute(f"ALTER TABLE {guarded} DISABLE TRIGGER USER")
            changed = await conn.execute(change, order_id)
            assert changed.split()[-1] != "0", table
            _, found = await recheck_on(conn, verifier, quiet)
            await outer.rollback()
        rows = " ".join(f"{trouble.table} {trouble.row}" for trouble in found)
        expected = {"log_entry": "event", "log_checkpoint": "size", "log_anchor": "tsa size"}.get(
            table, order_id
        )
        assert expected in rows, (table, found)
