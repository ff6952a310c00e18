"""A witness whose name and short hash are the log's own stands for nobody: 32 bits of hash can be searched for."""

from __future__ import annotations

import base64

import pytest

from mingzhang.transparency.notes import COSIGNED, Checkpoint, Signer
from mingzhang.transparency.receipt import signed_by
from mingzhang.transparency.verify_offline import Refused, check_note

TEXT = Checkpoint("shop.example/log", 1, b"\x07" * 32).text()
SHORT = b"\xab\xcd\xef\x01"


def _line(name: str, value: bytes) -> str:
    return f"\u2014 {name} {base64.b64encode(SHORT + value).decode()}\n"


def test_a_witness_under_the_logs_short_hash_does_not_sign_for_the_log() -> None:
    log, forger = Signer("shop.example/log", b"\x01" * 32), Signer("shop.example/log", b"\x02" * 32)
    note = TEXT + "\n" + _line(log.name, forger.cosign(TEXT, 1_700_000_000).value)
    with pytest.raises(Refused):
        check_note(note, (log.name, SHORT, log.verifier.key), [(forger.name, SHORT, forger.verifier.key)])


def test_a_witness_under_anothers_short_hash_does_not_sign_for_it() -> None:
    log = Signer("shop.example/log", b"\x01" * 32)
    eye, forger = Signer("eye.example", b"\x03" * 32), Signer("eye.example", b"\x02" * 32)
    own = f"{log.sign(TEXT).line()}\n"
    note = TEXT + "\n" + own + _line("eye.example", forger.cosign(TEXT, 1_700_000_000).value)
    keys = [("eye.example", SHORT, one.verifier.key) for one in (eye, forger)]
    with pytest.raises(Refused):
        check_note(note, (log.name, log.verifier.hash, log.verifier.key), keys)


def test_a_receipt_leaves_out_what_a_witness_signed_under_a_key_it_has_changed() -> None:
    old, new = Signer("eye.example", b"\x03" * 32, COSIGNED), Signer("eye.example", b"\x04" * 32, COSIGNED)
    known = {"eye.example": new.verifier}
    assert signed_by(new.cosign(TEXT, 1_700_000_000).line(), known)
    assert not signed_by(old.cosign(TEXT, 1_700_000_000).line(), known)
