"""pain.001.001.09 (one credit transfer) as we write it, and pain.002.001.03 to .12 (its status) as banks answer."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from mingzhang.custody.banks.base import OrderState, PaymentOrder
from mingzhang.custody.xml_tree import read_xml
from mingzhang.kit.errors import Problem
from mingzhang.kit.money import format_yuan

SPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
STATUS_SPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.002.001."
_STATES: Final = {
    "ACSC": OrderState.BOOKED,
    "ACCC": OrderState.BOOKED,
    "ACTC": OrderState.ACCEPTED,
    "ACCP": OrderState.ACCEPTED,
    "ACSP": OrderState.ACCEPTED,
    "ACWC": OrderState.ACCEPTED,
    "RCVD": OrderState.ACCEPTED,
    "PDNG": OrderState.ACCEPTED,
    "RJCT": OrderState.REJECTED,
    "CANC": OrderState.REJECTED,
}


def write_pain001(order: PaymentOrder, now: datetime) -> bytes:
    """The file. Message, batch and EndToEndId are the instruction's own id: the same file for the same instruction,
    but for its time."""
    amount = format_yuan(order.amount_fen)
    name, account = escape(order.payee_name), escape(order.payee_account)
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{SPACE}">
  <CstmrCdtTrfInitn>
    <GrpHdr>
      <MsgId>{order.order_id}</MsgId><CreDtTm>{now.isoformat(timespec="seconds")}</CreDtTm>
      <NbOfTxs>1</NbOfTxs><CtrlSum>{amount}</CtrlSum><InitgPty><Nm>mingzhang</Nm></InitgPty>
    </GrpHdr>
    <PmtInf>
      <PmtInfId>{order.order_id}</PmtInfId><PmtMtd>TRF</PmtMtd>
      <ReqdExctnDt><Dt>{now.date().isoformat()}</Dt></ReqdExctnDt>
      <Dbtr><Nm>mingzhang</Nm></Dbtr>
      <DbtrAcct><Id><Othr><Id>{escape(order.account)}</Id></Othr></Id></DbtrAcct>
      <DbtrAgt><FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId></DbtrAgt>
      <CdtTrfTxInf>
        <PmtId><InstrId>{order.order_id}</InstrId><EndToEndId>{order.order_id}</EndToEndId></PmtId>
        <Amt><InstdAmt Ccy="{order.currency}">{amount}</InstdAmt></Amt>
        <Cdtr><Nm>{name}</Nm></Cdtr>
        <CdtrAcct><Id><Othr><Id>{account}</Id></Othr></Id></CdtrAcct>
        <RmtInf><Ustrd>{escape(order.purpose)}</Ustrd></RmtInf>
      </CdtTrfTxInf>
    </PmtInf>
  </CstmrCdtTrfInitn>
</Document>
"""
    return text.encode()


def read_pain002(body: bytes, order_id: str) -> tuple[OrderState, str]:
    """What it says of this instruction, with the reason's code; anything that cannot be read says ``unknown``."""
    try:
        root = read_xml(body)
    except Problem:
        return OrderState.UNKNOWN, "unreadable"
    if not root.space.startswith(STATUS_SPACE):
        return OrderState.UNKNOWN, "not_pain002"
    for status in root.every("CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts"):
        if status.value("OrgnlEndToEndId") == order_id:
            reason = status.value("StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
            return _STATES.get(status.value("TxSts"), OrderState.UNKNOWN), reason[:40]
    return OrderState.UNKNOWN, "other_instruction"
