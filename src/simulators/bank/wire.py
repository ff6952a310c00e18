"""The bank's files: camt.053.001.08, MT940 and pain.002 as it writes them, pain.001 as it reads it."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from simulators.bank.model import Line, Order, Statement
from simulators.money import yuan
from simulators.world import BEIJING

CAMT = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
PAIN2 = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"


def _day(at: datetime) -> str:
    return at.astimezone(BEIJING).date().isoformat()


def _amount(fen: int, currency: str = "CNY") -> str:
    way = "CRDT" if fen >= 0 else "DBIT"
    return f'<Amt Ccy="{currency}">{yuan(abs(fen))}</Amt><CdtDbtInd>{way}</CdtDbtInd>'


def camt053(account: str, statement: Statement, lines: list[Line], *, closing: bool) -> bytes:
    """One statement. ``lines`` may be other than its own, when the file is to be wrong."""
    day = _day(statement.closed_at)
    balances = [("OPBD", statement.opening_fen)] + ([("CLBD", statement.closing_fen)] if closing else [])
    told = [
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(fen)}<Dt><Dt>{day}</Dt></Dt></Bal>"
        for code, fen in balances
    ]
    told += [_entry(line) for line in lines]
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{CAMT}">
<BkToCstmrStmt>
<GrpHdr><MsgId>SIM{statement.n:06d}</MsgId><CreDtTm>{statement.closed_at.isoformat()}</CreDtTm></GrpHdr>
<Stmt>
<Id>{day}-{statement.n}</Id><CreDtTm>{statement.closed_at.isoformat()}</CreDtTm>
<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>
""" + "\n".join(told)
    return (text + "\n</Stmt>\n</BkToCstmrStmt>\n</Document>\n").encode()


def _entry(line: Line) -> str:
    party = "Dbtr" if line.fen >= 0 else "Cdtr"
    reference = escape(line.reference) or "NOTPROVIDED"
    parties = ""
    if line.name:
        parties = (
            f"<RltdPties><{party}><Pty><Nm>{escape(line.name)}</Nm></Pty></{party}>"
            f"<{party}Acct><Id><Othr><Id>{escape(line.account)}</Id></Othr></Id></{party}Acct></RltdPties>"
        )
    return (
        f"<Ntry>{_amount(line.fen)}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{_day(line.at)}</Dt></BookgDt>"
        f"<AcctSvcrRef>{line.number}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs>"
        f"{parties}<RmtInf><Ustrd>{escape(line.purpose)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def mt940(account: str, statement: Statement, lines: list[Line], *, closing: bool) -> bytes:
    """The same as MT940."""
    stamp = statement.closed_at.astimezone(BEIJING).strftime("%y%m%d")

    def balance(fen: int) -> str:
        return f"{'C' if fen >= 0 else 'D'}{stamp}CNY{yuan(abs(fen)).replace('.', ',')}"

    rows = [f":20:SIM{statement.n:06d}", f":25:{account}", f":28C:{statement.n}/1"]
    rows.append(f":60F:{balance(statement.opening_fen)}")
    for line in lines:
        day = line.at.astimezone(BEIJING).strftime("%y%m%d")
        way = "C" if line.fen >= 0 else "D"
        rows.append(f":61:{day}{way}{yuan(abs(line.fen)).replace('.', ',')}NTRFNONREF//{line.number}")
        rows.append(f":86:/EREF/{line.reference}/NAME/{line.name}/REMI/{line.purpose}")
    if closing:
        rows.append(f":62F:{balance(statement.closing_fen)}")
    return ("\r\n".join([*rows, "-"]) + "\r\n").encode()


def read_pain001(body: bytes) -> list[Order]:
    """The orders of a file; ValueError when it cannot be read."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - the simulator's own merchant writes it
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from None
    found = []
    for one in root.iter():
        if not one.tag.endswith("}CdtTrfTxInf"):
            continue
        told = {each.tag.rpartition("}")[2]: (each.text or "").strip() for each in one.iter()}
        whole, _, cents = told.get("InstdAmt", "").partition(".")
        account = next(
            (
                each.text or ""
                for part in one
                if part.tag.endswith("}CdtrAcct")
                for each in part.iter()
                if each.tag.endswith("}Id") and (each.text or "").strip()
            ),
            "",
        )
        found.append(
            Order(
                order_id=told.get("EndToEndId", ""),
                fen=int(whole or "0") * 100 + int(cents.ljust(2, "0") or "0"),
                payee_name=told.get("Nm", ""),
                payee_account=account.strip(),
                purpose=told.get("Ustrd", ""),
            )
        )
    if not found or not all(order.order_id for order in found):
        raise ValueError("no order with an EndToEndId")
    return found


def pain002(order: Order, at: datetime) -> bytes:
    """The status of one order."""
    reason = f"<StsRsnInf><Rsn><Cd>{order.code}</Cd></Rsn></StsRsnInf>" if order.code else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{PAIN2}"><CstmrPmtStsRpt>
<GrpHdr><MsgId>S{order.order_id[-20:]}</MsgId><CreDtTm>{at.isoformat()}</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{order.order_id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>{order.order_id}</OrgnlPmtInfId><TxInfAndSts>
<OrgnlEndToEndId>{order.order_id}</OrgnlEndToEndId><TxSts>{order.status}</TxSts>{reason}
</TxInfAndSts></OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>
""".encode()
