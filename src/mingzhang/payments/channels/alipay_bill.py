"""Alipay's bills: an address that lives thirty seconds, behind it a zip of GBK CSVs (wire.md, Alipay)."""

from __future__ import annotations

from datetime import date
from typing import Final
from urllib.parse import urlsplit

from mingzhang.evidence.messages import Message
from mingzhang.kit.outbound import Outbound, Silence
from mingzhang.payments.channels.base import BILL_BYTES_MAX, BillAnswer, Outcome

METHOD: Final = "alipay.data.dataservice.bill.downloadurl.query"
NO_BILL: Final = "isp.bill_not_exist"
_TIMEOUT_S: Final = 60.0


def not_there(code: str, messages: tuple[Message, ...]) -> BillAnswer:
    """The gateway's word that there is none: a day without trades is a business error there."""
    return BillAnswer(outcome=Outcome.OK, code=code, messages=messages)


async def download(
    http: Outbound, gateway: str, url: str, kind: str, day: date, messages: tuple[Message, ...]
) -> BillAnswer:
    """The file behind the address of a verified answer. Nothing of ours goes along.

    The address is on another host than the gateway: only https is followed, or the gateway's own host.
    """
    parts, home = urlsplit(url), urlsplit(gateway)
    own = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
    if not own and parts.scheme != "https":
        return BillAnswer(outcome=Outcome.UNKNOWN, code="bill_address", messages=messages)
    ended = await http.get(url, _TIMEOUT_S, bytes_max=BILL_BYTES_MAX)
    if isinstance(ended, Silence):
        return BillAnswer(outcome=Outcome.UNKNOWN, code=ended.why.value, messages=messages)
    if ended.status != 200:
        return BillAnswer(outcome=Outcome.UNKNOWN, code=f"http_{ended.status}", messages=messages)
    name = f"alipay-{kind}-{day:%Y%m%d}.zip"
    return BillAnswer(outcome=Outcome.OK, name=name, content=ended.body, messages=messages)
