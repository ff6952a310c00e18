"""Timestamps of the public record by a simulated authority: used by the test of the public record."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from cryptography import x509

from house import House
from mingzhang.app.anchors import look
from mingzhang.kit.errors import Problem
from mingzhang.transparency import verify_offline
from mingzhang.transparency.anchors import list_anchored, read_waiting
from simulators.tsa.authority import Authority

FAULTS = {"silent": "anchor_silent", "refuse": "anchor_refused", "wrong_imprint": "anchor_invalid"}


async def check_anchors(house: House) -> None:
    """What does not hold is not kept; a period's state is stamped when the authority answers, and no state twice."""
    tsa = house.desk.ctx.anchors["tsa"]
    for fault, code in FAULTS.items():
        await house.world.tell("PUT", "/tsa/fault", {"name": fault})
        with pytest.raises(Problem) as refused:
            await tsa.stamp(b"a state\n")
        assert refused.value.code == code
    assert await _until(house, "anchor_invalid") == "anchor_invalid"
    waits = [row for row in await read_waiting(house.desk.pool) if row["last_error"]]
    # On a slow machine more than one period has ended by now.
    assert {(row["last_error"], row["tries"]) for row in waits} == {("anchor_invalid", 1)}
    assert await list_anchored(house.desk.pool) == []
    await house.world.tell("PUT", "/tsa/fault", {"name": ""})
    assert await _until(house, "stamped") == "stamped"
    sizes = [stamped.size for stamped in await list_anchored(house.desk.pool)]
    assert 0 < len(set(sizes)) == len(sizes)
    assert min(sizes) > 0
    trusted, tsa._root = tsa._root, x509.load_pem_x509_certificate(Authority(None).root_pem.encode())
    with pytest.raises(Problem, match="anchor_invalid"):  # one whom nobody trusts
        await tsa.stamp(b"a state\n")
    tsa._root = trusted


async def _until(house: House, wanted: str) -> str:
    """Look until the authority was asked in a period that has ended."""
    for _ in range(200):
        outcomes = [outcome for _, outcome in await look(house.desk.ctx, house.desk.settings)]
        if wanted in outcomes:
            return wanted
        assert set(outcomes) <= {"nothing_new"}, outcomes
        await asyncio.sleep(0.05)
    return ""


def check_stamped(receipt: bytes) -> None:
    """A receipt with a timestamp: held against its text everywhere, and by `openssl ts` where that is installed."""
    _, _, body = verify_offline.check(receipt)
    (line,) = verify_offline.check_stamps(body)
    assert line.startswith("Timestamp of 127.0.0.1")
    (stamp,) = body["timestamps"]
    token = base64.b64decode(stamp["token"])
    imprint = token.index(bytes.fromhex("0420")) + 2
    other = token[:imprint] + bytes([token[imprint] ^ 1]) + token[imprint + 1 :]
    with pytest.raises(verify_offline.Refused, match="stamps something else"):
        verify_offline.check(_with(body, other))
    signature = token[:-5] + bytes([token[-5] ^ 1]) + token[-4:]
    changed = json.loads(_with(body, signature))
    if "UNCHECKED" not in line:
        with pytest.raises(verify_offline.Refused, match=r"timestamp of 127\.0\.0\.1"):
            verify_offline.check_stamps(changed)


def _with(body: dict[str, object], token: bytes) -> bytes:
    stamps = json.loads(json.dumps(body["timestamps"]))
    stamps[0]["token"] = base64.b64encode(token).decode()
    return verify_offline.canonical({**body, "timestamps": stamps})
