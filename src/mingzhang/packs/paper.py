"""What the sheets of a pack and a receipt's page show, as plain texts in Chinese; typst sets them (`app/paper.py`)."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from mingzhang.kit.beijing import BEIJING
from mingzhang.packs.model import Edition, Head, Part, Section
from mingzhang.transparency.entry import canonical
from mingzhang.transparency.verify_offline import note_text, stamped_at

PACK_TYP: Final = (files("mingzhang.packs") / "pack.typ").read_bytes()
RECEIPT_TYP: Final = (files("mingzhang.packs") / "receipt.typ").read_bytes()
TITLE: Final = "交易凭证"
RECEIPT_TITLE: Final = "资金去向凭据"
EDITIONS: Final[Mapping[Edition, str]] = {
    Edition.BUYER: "买家版：个人信息已遮盖",
    Edition.STAFF: "员工版：个人信息已遮盖，不含成本",
    Edition.AUDITOR: "审计版：含成本、分录与操作记录",
}
HEALTH: Final[Mapping[str, str]] = {
    "version": "程序版本",
    "database": "数据库",
    "schema": "表结构",
    "clock": "时钟",
    "log_size": "公开记录条数",
    "log_signed_at": "公开记录最近签名",
    "log_waiting": "等待写入公开记录",
    "log_waiting_since": "最早一条等待自",
    "last_audit_at": "最近一次自查",
    "last_audit_findings": "自查发现的问题数",
    "channels_not_answering": "没有回应的支付渠道",
}
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")
QR_BYTES_MAX: Final = 2_300
WIDTH_MIN: Final = 5
WIDTH_MAX: Final = 34


def beijing(at: datetime) -> str:
    """A moment in full, as paper shows it."""
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S（北京时间）")


def pack_sheets(
    head: Head,
    verdict: str,
    sections: Sequence[Section],
    receipts: Sequence[Mapping[str, Any]],
    parts: Sequence[Part],
    hashes: Sequence[str],
) -> dict[str, Any]:
    """The data of `pack.typ`. ``verdict``: where the money is, in a sentence; ``hashes``: of the parts, in their order."""
    made = beijing(datetime.fromisoformat(head.made_at))
    facts = [
        ("订单号", head.order_id),
        ("版本", EDITIONS[head.edition]),
        ("生成时间", made),
        ("公开记录密钥", head.log_key),
    ]
    sheets = [_sheet(section) for section in sections if section.rows or section.name in ALWAYS]
    sheets.append(_receipts_sheet(receipts))
    sheets.append(_health_sheet(head))
    rows = [
        (part.name, f"{len(part.data)}", digest, part.about)
        for part, digest in zip(parts, hashes, strict=True)
    ]
    sheets.append(
        {
            "title": "本包所含文件",
            "note": "清单 manifest.json 另列本文件的指纹，并由公开记录的密钥签名。",
            "head": ["文件", "字节", "SHA-256", "说明"],
            "rows": rows,
            "widths": [9, 4, 18, 12],
        }
    )
    return {
        "title": TITLE,
        "shop": head.shop,
        "order": head.order_id,
        "facts": facts,
        "verdict": verdict,
        "notes": NOTES,
        "none": "没有。",
        "sheets": sheets,
    }


ALWAYS: Final = frozenset({"refunds", "conversation"})
NOTES: Final = (
    "本文件与同包的数据由系统自动生成，未经人工修改。"
    "核对办法见 readme.txt：用 verify.py 或 verify.html，不联网、不依赖本店。",
    "每一步都写进只能往后加的公开记录；签名与时间戳证明“此后未被改动”，不证明内容本身为真。内容的来源是所列的原始报文。",
    "“已发送”“供应商处理中”不等于到账；到账成功以供应商的答复为准，并附其流水号。",
)


def _sheet(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "note": "",
        "head": list(section.head),
        "rows": [list(row) for row in section.rows],
        "widths": widths(section.head, section.rows),
    }


def widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column is beside the others: by its longest cell, Chinese counting double, within bounds."""
    columns = zip(*([head, *rows] if rows else [head]), strict=True)
    return [min(max(WIDTH_MIN, *map(_breadth, column)), WIDTH_MAX) for column in columns]


def _breadth(text: str) -> int:
    return sum(2 if ord(char) > 0x2E80 else 1 for char in text)


def _receipts_sheet(receipts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = []
    for body in receipts:
        statement = body["statement"]
        stamps = [
            f"{one['authority']} {beijing(stamped_at(one['token'], note_text(dict(body))))}"
            for one in body.get("timestamps", [])
        ]
        size = body["checkpoint"].split("\n")[1]
        when = beijing(datetime.fromisoformat(statement["at"]))
        rows.append([str(statement["seq"]), when, f"{body['index']} / {size}", "；".join(stamps) or "—"])
    return {
        "title": "公开记录中的证明",
        "note": "每一行是 receipts/ 下的一份凭据：这一步变动、它在记录中的位置、签了名的状态。",
        "head": ["序号", "时间", "记录第几条 / 共几条", "第三方时间戳"],
        "rows": rows,
        "widths": [3, 12, 9, 16],
    }


def _health_sheet(head: Head) -> dict[str, Any]:
    rows = [[label, _told(head.health[name])] for name, label in HEALTH.items() if name in head.health]
    return {
        "title": "怎样收集，以及当时系统的状况",
        "note": f"{head.collected['how']}{head.collected['ordinary_course']}",
        "head": ["项目", "当时"],
        "rows": rows,
        "widths": [10, 24],
    }


def _told(value: Any) -> str:
    if isinstance(value, str) and TIME.fullmatch(value):
        return beijing(datetime.fromisoformat(value))
    return "、".join(map(str, value)) or "无" if isinstance(value, list) else str(value) or "—"


def qr_text(receipt: Mapping[str, Any], base_url: str) -> str:
    """The address that carries the whole receipt behind its #: opened, the page checks it; empty when it is too long.

    Timestamps stay out: their certificates are longer than a code holds. What follows the # is sent to nobody.
    """
    bare = {name: value for name, value in receipt.items() if name not in {"timestamps", "seal"}}
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(canonical(bare)) + packer.flush()
    text = f"{base_url}/log/verify.html#r={base64.urlsafe_b64encode(packed).decode().rstrip('=')}"
    return text if len(text) <= QR_BYTES_MAX else ""


def receipt_page(
    receipt: Mapping[str, Any], shop: str, lines: Sequence[str], events: str, qr: str
) -> dict[str, Any]:
    """The data of `receipt.typ`. ``lines``: where the money was, in words; ``qr``: SVG, or nothing."""
    statement = receipt["statement"]
    size = receipt["checkpoint"].split("\n")[1]
    facts = [
        ("订单号", statement["subject"]),
        ("时间", beijing(datetime.fromisoformat(statement["at"]))),
        ("变动序号", str(statement["seq"])),
        ("依据", statement["evidence"] or "—"),
        ("记录位置", f"第 {receipt['index']} 条，共 {size} 条"),
        ("记录密钥", receipt["log_key"]),
        ("见证人", "、".join(key.split("+")[0] for key in receipt["witness_keys"]) or "无"),
    ]
    for one in receipt.get("timestamps", []):
        at = stamped_at(one["token"], note_text(dict(receipt)))
        facts.append(("时间戳", f"{one['authority']}，{beijing(at)}"))
    return {
        "title": RECEIPT_TITLE,
        "shop": shop,
        "order": statement["subject"],
        "lines": list(lines),
        "events": events,
        "qr": qr,
        "scan": "扫码即在您的浏览器里核对。二维码里就是整份凭据；本店打不开时，把扫出的文字贴进存下的核对网页，一样能核对。"
        if qr
        else "这份凭据放不进二维码，请用 JSON 文件核对。",
        "facts": facts,
        "proof_title": "包含证明（从下往上的兄弟指纹）",
        "proof": list(receipt["proof"]) or ["（记录里只有这一条，不需要）"],
        "state_title": "签了名的记录状态",
        "state": [line for line in receipt["checkpoint"].split("\n") if line],
        "how": "纸面只为阅读。核对用同名的 JSON 凭据：verify.py 或 verify.html，不联网、不依赖本店。"
        "改动任何一个字节都会被拒绝。",
    }
