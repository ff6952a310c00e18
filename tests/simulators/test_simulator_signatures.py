"""The simulators' signatures against vectors made by openssl, coreutils and the vendor."""

from __future__ import annotations

import json
from pathlib import Path

from simulators.keys import (
    fulu_decrypt,
    fulu_encrypt,
    fulu_sign,
    own_key,
    public_pem,
    read_public,
    rsa2_sign,
    rsa2_verify,
    sorted_pairs,
)

VENDOR = json.loads((Path(__file__).parents[1] / "vectors" / "fulu.json").read_text("utf-8"))

# openssl genrsa 2048; openssl dgst -sha256 -sign over MESSAGE. The private half was thrown away.
PUBLIC = """MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4bMyn5kHzfpz46Rhb2bs
TUWuurwqDKwZSOjig7icmO/3hcR454xm+L4o7Ue2OX20R9IEP84cRCS0tHm8EaJl
J4O1PtaQtHpitJBdh7w8vGzDqOO7IuucMAx/Vcy1xViJvuqbe9cEYhKnJRAv22wQ
rQ9+gPdfD+p0YLEtYjq3bCrrszAd3CM3j5FHAvqPvSQP5uVPfhQDiTVScxOVchG5
NJ4WvXRo5MRWb4zGUr8/s+S4+8GKBxdb5t//wkhtOTUd5vtGouCX8pO6AxcfojAE
aK5hghgUAiOhqT852z5O6iQNyttg6Nm3znqRjWl8TZQ+08y0MdIWZPneduxGeNwZ
4QIDAQAB"""
MESSAGE = (
    'app_id=2021000000000001&biz_content={"out_trade_no":"A1P1","subject":"卡}100"}&charset=utf-8'
    "&method=alipay.trade.query&sign_type=RSA2&timestamp=2026-11-23 12:00:00&version=1.0"
)
SIGNATURE = (
    "Kny0XB4WEaI6cA/bOg7venYyNeFl/I01AK/R0vkM3ZSaPE+3mvWAolLAyyVRnWivUNo6hgNGcG3UIKHUViXP5CJ8g5Uo4BONDpnDwKOHaIFI"
    "/x/Hr2YvGzXYVyYEc3q1D64/g91o2LYWDeM0+EOrAIjWEuRZSPs88tmHp+hHT8SGM3BeZpAEUFB2OPEG8JJY16sh8LaXHslki0/Oix1z0ZmO"
    "+88mYWrNhnpfUZ+o4g1qELcuA8NW3UN3PrNJ8I5GV3zuXlx1LHqWiyHa0hRhfDR+n+vsfvqZMfAP6UmfbgUzOzVmR65mH7K8Lwvzcm+OGo0S"
    "avnwhGG7VsFZ+tfgTw=="
)
SECRET = "0123456789abcdef0123456789abcdef"


def test_rsa2_accepts_a_signature_made_by_openssl() -> None:
    fields = dict(part.split("=", 1) for part in reversed(MESSAGE.split("&")))
    message = sorted_pairs({**fields, "notify_url": "", "sign": "x"}, frozenset({"sign"}))
    assert message.decode() == MESSAGE
    assert rsa2_verify(read_public(PUBLIC), message, SIGNATURE)


def test_rsa2_refuses_another_message_key_or_nonsense() -> None:
    key = read_public(PUBLIC)
    assert not rsa2_verify(key, MESSAGE.replace("A1P1", "A1P2").encode(), SIGNATURE)
    assert not rsa2_verify(key, MESSAGE.encode(), "not base64!")
    mine = own_key(None, "mine")
    assert not rsa2_verify(key, MESSAGE.encode(), rsa2_sign(mine, MESSAGE.encode()))
    assert rsa2_verify(read_public(public_pem(mine)), b"m", rsa2_sign(mine, b"m"))


def test_a_kept_key_is_the_same_after_a_restart(tmp_path: Path) -> None:
    assert public_pem(own_key(tmp_path, "alipay")) == public_pem(own_key(tmp_path, "alipay"))
    assert (tmp_path / "alipay.pem").stat().st_mode & 0o077 == 0


def test_fulu_signature_agrees_with_sort_and_md5sum() -> None:
    # grep -o . | LC_ALL=C sort | tr -d '\n', the secret appended, md5sum
    text = '{"app_key":"k1","method":"fulu.user.info.get","biz_content":"{}"}'
    assert fulu_sign(text, SECRET) == "31405e391c24f3024606aaa735279136"


def test_fulu_signature_agrees_with_the_vendors_sample() -> None:
    assert fulu_sign(VENDOR["reply"]["result"], VENDOR["app_secret"]) == VENDOR["reply"]["sign"]


def test_fulu_signature_collides_on_anagrams() -> None:
    assert fulu_sign('{"price":"46.30","no":"A12"}', SECRET) == fulu_sign(
        '{"price":"43.60","no":"A21"}', SECRET
    )


def test_cards_agree_with_openssl_and_the_vendors_sample() -> None:
    # printf 'CARD-0001' | openssl enc -aes-256-ecb -K $(printf secret | xxd -p) | base64
    assert fulu_encrypt("CARD-0001", SECRET) == "nDTfYVPDnosQxwLRJrn+uA=="
    assert fulu_encrypt(VENDOR["card_pwd"], VENDOR["app_secret"]) == VENDOR["card"]["card_pwd"]
    assert fulu_decrypt(VENDOR["card"]["card_number"], VENDOR["app_secret"]) == VENDOR["card_number"]
