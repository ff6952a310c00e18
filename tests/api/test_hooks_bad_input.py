"""What strangers send to the hooks: the party's own answer, one message on record, and nothing moves (F4–F6)."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
from untouched import MB, kept, untouched

from house import House, open_house

ALIPAY, FULU = "/hooks/channels/alipay", "/hooks/suppliers/fulu"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
KEPT_BYTES_MAX = 256 * 1024


async def tell(
    house: House, path: str, body: bytes, content_type: str = FORM, method: str = "POST", query: str = ""
) -> tuple[int, str]:
    """Send one message; status and text of the answer."""
    async with house.http.request(
        method,
        f"{house.url}{path}{query}",
        data=io.BytesIO(body),
        headers={"Content-Type": content_type},
        timeout=aiohttp.ClientTimeout(total=30),
    ) as answer:
        return answer.status, await answer.text()


async def arrived(house: House) -> str:
    """An order that is paid and delivered, with everything quiet afterwards."""
    order_id = await house.buy()
    await house.until(order_id, lambda page: page.supply_badge == "arrived")
    await house.until(order_id, lambda page: "paid_confirmed" in [item.kind for item in page.timeline])
    return order_id


async def genuine_notify(house: House) -> bytes:
    """The notify as Alipay signed and sent it."""
    body: bytes = await house.desk.pool.fetchval(
        "SELECT body FROM evidence WHERE kind = 'alipay.notify' AND standing = 'verified' LIMIT 1"
    )
    return body


def fulu_callback(house: House, **changed: Any) -> bytes:
    """A callback as 福禄 signs it: the characters of the JSON, sorted, and the secret, in MD5."""
    fields = {"order_id": "1", "order_status": "success", "product_id": "20000100", **changed}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    secret = house.world.ready["fulu"]["app_secret"]
    sign = hashlib.md5(("".join(sorted(text)) + secret).encode()).hexdigest()
    return json.dumps({**fields, "sign": sign}, ensure_ascii=False).encode()


async def test_a_channel_hook_keeps_every_message_and_believes_only_its_own(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await arrived(house)
        genuine = await genuine_notify(house)
        dearer = genuine.replace(b"total_amount=100.00", b"total_amount=999.00")
        unsigned = b"&".join(part for part in genuine.split(b"&") if not part.startswith(b"sign="))
        assert len({genuine, dearer, unsigned}) == 3
        # body, media type, method, the answer, (standing, note) of the one message kept
        cases: dict[str, tuple[bytes, str, str, str, tuple[str, str]]] = {
            "replayed": (genuine, FORM, "POST", "success", ("verified", "")),
            "replayed as something else": (genuine, JSON, "POST", "success", ("verified", "")),
            "dearer": (dearer, FORM, "POST", "fail", ("forged", "bad_signature")),
            "unsigned": (unsigned, FORM, "POST", "fail", ("forged", "malformed")),
            "a field twice": (genuine + b"&app_id=1", FORM, "POST", "fail", ("forged", "malformed")),
            "nothing": (b"", FORM, "POST", "fail", ("forged", "malformed")),
            "nothing, by GET": (b"", FORM, "GET", "fail", ("forged", "wrong_method")),
            "genuine, by PUT": (genuine, FORM, "PUT", "fail", ("forged", "wrong_method")),
            "genuine, by DELETE": (genuine, FORM, "DELETE", "fail", ("forged", "wrong_method")),
            "JSON": (b'{"trade_status": "TRADE_SUCCESS"}', JSON, "POST", "fail", ("forged", "malformed")),
            "garbage": (b"\xff\x00=%%%&" * 9, FORM, "POST", "fail", ("forged", "malformed")),
            "a megabyte": (b"a=" + b"1" * MB, FORM, "POST", "fail", ("forged", "too_large")),
        }
        async with untouched(house):
            for name, (body, media, method, answer, row) in cases.items():
                before = await kept(house, "alipay.notify")
                told = await tell(house, ALIPAY, body, media, method)
                assert told[1].startswith(answer), (name, told)
                assert (await kept(house, "alipay.notify"))[len(before) :] == [row], name
            before = await kept(house, "alipay.notify")
            assert (await tell(house, "/hooks/channels/nobody", genuine))[0] == 404
            assert (await tell(house, ALIPAY, b"", method="GET", query="?" + genuine.decode()))[
                1
            ] != "success"
            assert len(await kept(house, "alipay.notify")) == len(before) + 1
        longest = await house.desk.pool.fetchval("SELECT max(length(body)) FROM evidence")
        assert longest <= KEPT_BYTES_MAX


async def test_a_supplier_hook_keeps_every_message_and_settles_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await arrived(house)
        attempt_no = dict((await house.page(order_id)).numbers)["attempt"]
        genuine = fulu_callback(house, customer_order_no=attempt_no)
        refused = fulu_callback(house, customer_order_no=attempt_no, order_status="failed")
        stranger = fulu_callback(house, customer_order_no="M0000000000000000000S1")
        hint, forged = ("hint", ""), ("forged", "bad_signature")
        cases: dict[str, tuple[bytes, str, str, tuple[str, str]]] = {
            "genuine": (genuine, JSON, "success", hint),
            "replayed": (genuine, JSON, "success", hint),
            "as a form": (genuine, FORM, "success", hint),
            "another word, anybody with the key": (refused, JSON, "success", hint),
            "nobody's order": (stranger, JSON, "fail", hint),
            "forged": (genuine.replace(b"success", b"failure"), JSON, "fail", forged),
            "no order": (fulu_callback(house), JSON, "fail", hint),
            "a number for a number": (fulu_callback(house, customer_order_no=1), JSON, "fail", hint),
            "a NUL": (fulu_callback(house, customer_order_no="\x00"), JSON, "fail", hint),
            "a list": (b"[]", JSON, "fail", forged),
            "nested without end": (b'{"a":' + b"[" * 90_000, JSON, "fail", forged),
            "garbage": (b"\xff\x00", JSON, "fail", forged),
            "nothing": (b"", JSON, "fail", forged),
            "a megabyte": (genuine[:-1] + b" " * MB + b"}", JSON, "fail", forged),
        }
        async with untouched(house):
            for name, (body, media, answer, row) in cases.items():
                before = await kept(house, "fulu.callback")
                assert await tell(house, FULU, body, media) == (200, answer), name
                assert (await kept(house, "fulu.callback"))[len(before) :] == [row], name
            for supplier, answer in (
                ("fulu", (200, "fail")),
                ("kasushou", (200, "fail")),
                ("dtone", (503, "")),
            ):
                for method in ("PUT", "PATCH", "DELETE"):
                    before = await kept(house, f"{supplier}.callback")
                    assert await tell(house, f"/hooks/suppliers/{supplier}", genuine, JSON, method) == answer
                    rows = (await kept(house, f"{supplier}.callback"))[len(before) :]
                    assert rows == [("forged", "wrong_method")], (supplier, method)
            before = await kept(house, "fulu.callback")
            assert (await tell(house, "/hooks/suppliers/nobody", genuine, JSON))[0] == 404
            assert await kept(house, "fulu.callback") == before
        page = await house.page(order_id)
        assert (page.pay_badge, page.supply_badge) == ("paid", "arrived")
