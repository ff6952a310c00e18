"""One process, one event loop, a port for each party and one for control."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from simulators import exports
from simulators.alipay.bill import Bills
from simulators.alipay.cashier import Cashier
from simulators.alipay.certs import CertControl
from simulators.alipay.complaints import Complaints as AlipayComplaints
from simulators.alipay.gateway import Gateway as AlipayGateway
from simulators.alipay.methods import Methods as AlipayMethods
from simulators.alipay.model import AlipayParty
from simulators.alipay.notify import Notifier
from simulators.bank.gateway import BankSide
from simulators.complaints import ComplaintControl
from simulators.control import Control, errors
from simulators.dtone.gateway import Gateway as DtOneGateway
from simulators.dtone.goods import CURRENCY as DTONE_CURRENCY
from simulators.dtone.goods import FEN_PER_CENT
from simulators.dtone.model import DtOneParty
from simulators.dtone.work import Worker as DtOneWorker
from simulators.epay.model import EpayParty
from simulators.epay.side import EpaySide
from simulators.fulu.gateway import Gateway as FuluGateway
from simulators.fulu.methods import Methods as FuluMethods
from simulators.fulu.model import FuluParty
from simulators.fulu.work import Worker
from simulators.kasushou.gateway import Gateway as KasushouGateway
from simulators.kasushou.methods import Methods as KasushouMethods
from simulators.kasushou.model import KasushouParty
from simulators.kasushou.work import Worker as KasushouWorker
from simulators.keys import own_key, read_public
from simulators.settlement import settle_alipay, settle_epay, settle_wechat
from simulators.tsa.authority import Authority
from simulators.tsa.gateway import TsaSide
from simulators.wechat.model import WechatParty
from simulators.wechat.side import WechatSide
from simulators.world import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, Clock, World, outage


@dataclass
class Options:
    """How to start. Port 0 = any free one; money in fen; ``fulu_delay_s`` in virtual seconds."""

    host: str = "127.0.0.1"
    alipay_port: int = 0
    fulu_port: int = 0
    dtone_port: int = 0
    kasushou_port: int = 0
    epay_port: int = 0
    wechat_port: int = 0
    bank_port: int = 0
    tsa_port: int = 0
    control_port: int = 0
    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    keys_dir: Path | None = None
    merchant_public_key: str = ""
    supplier_balance_fen: int = 100_000_000
    bank_balance_fen: int = 0
    bank_statement_s: float = 600.0
    rates: dict[str, float] = field(default_factory=dict)
    fulu_notify_url: str = ""
    fulu_delay_s: float = 3.0
    fulu_suffixes: bool = True


class Simulators:
    """The running outside world: ``start`` binds the ports, ``ready`` tells them, ``stop`` ends it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.world = World(options.seed, options.clock)
        self.world.faults.set_rates(options.rates)
        self.alipay = AlipayParty(self.world, own_key(options.keys_dir, "alipay"))
        if options.merchant_public_key:
            self.alipay.merchant_key = read_public(options.merchant_public_key)
        self.fulu = FuluParty(
            self.world, options.supplier_balance_fen, options.fulu_delay_s, options.fulu_suffixes
        )
        self.fulu.notify_url = options.fulu_notify_url
        self.dtone = DtOneParty(
            self.world, options.supplier_balance_fen, options.fulu_delay_s, options.fulu_suffixes
        )
        self.kasushou = KasushouParty(
            self.world, options.supplier_balance_fen, options.fulu_delay_s, options.fulu_suffixes
        )
        self.epay = EpaySide(self.world)
        self.wechat = WechatSide(self.world, options.keys_dir, options.merchant_public_key)
        self.bank = BankSide(self.world, options.bank_balance_fen, options.bank_statement_s)
        self.tsa = TsaSide(self.world, Authority(options.keys_dir))
        self._runners: list[web.AppRunner] = []
        self._urls: dict[str, str] = {}

    async def start(self) -> None:
        """Bind and serve. Raises OSError when a port is taken."""
        options = self.options
        notifier, bills = Notifier(self.alipay), Bills(self.alipay)
        methods = AlipayMethods(self.alipay, notifier, bills)
        complaints = AlipayComplaints(self.alipay)
        gateway = AlipayGateway(self.alipay, methods, complaints)
        cashier = Cashier(self.alipay, methods, notifier, gateway)
        worker = Worker(self.fulu)
        supplier = FuluGateway(self.fulu, FuluMethods(self.fulu, worker))
        control = Control(self.world, self.alipay, cashier, self.fulu, worker)
        self.alipay.base_url = await self._serve(
            "alipay",
            options.alipay_port,
            [
                web.get("/gateway.do", gateway.handle),
                web.post("/gateway.do", gateway.handle),
                web.get("/cashier", cashier.show),
                web.post("/cashier/act", cashier.submit),
                web.get("/bill/{token}.zip", bills.download),
                web.get("/complaint-images/{image}", complaints.show_image),
            ],
        )
        await self._serve("fulu", options.fulu_port, [web.post("/api/getway", supplier.handle)])
        await self._serve_kasushou(control)
        dtone = DtOneWorker(self.dtone)
        control.books_of["dtone"] = self.dtone.books
        control.suppliers["dtone"] = dtone
        await self._serve("dtone", options.dtone_port, DtOneGateway(self.dtone, dtone).routes())
        self.epay.party.base_url = await self._serve("epay", options.epay_port, self.epay.routes())
        control.books_of["epay"] = self.epay.party.books
        control.cashiers.append(self.epay.cashier)
        self.wechat.party.base_url = await self._serve("wechat", options.wechat_port, self.wechat.routes())
        control.books_of["wechat"] = self.wechat.party.books
        control.cashiers.append(self.wechat.cashier)
        await self._serve_bank(control)
        self.tsa.begin(await self._serve("tsa", options.tsa_port, self.tsa.routes()))
        certificates = CertControl(self.alipay.authority)
        steering = [
            *control.routes(),
            *self.wechat.steering.routes(),
            web.put("/alipay/app-gateway", complaints.app_gateway),
            *ComplaintControl([complaints, self.wechat.complaints]).routes(),
            *self.epay.steering(),
            *certificates.routes(),
            *self.bank.steering(),
            *self.tsa.steering(),
            *exports.routes(self.world.bills, self._lists()),
        ]
        await self._serve("control", options.control_port, steering)

    def _lists(self) -> dict[str, Callable[[], Iterable[Any]]]:
        """Whose orders a merchant may export."""
        return {"fulu": self.fulu.orders.values, "kasushou": self.kasushou.orders.values}

    async def _serve_kasushou(self, control: Control) -> None:
        worker = KasushouWorker(self.kasushou)
        gateway = KasushouGateway(self.kasushou, KasushouMethods(self.kasushou, worker))
        await self._serve("kasushou", self.options.kasushou_port, gateway.routes())
        control.books_of["kasushou"] = self.kasushou.books
        control.suppliers["kasushou"] = worker

    async def _serve_bank(self, control: Control) -> None:
        self.bank.begin(await self._serve("bank", self.options.bank_port, self.bank.routes()))
        control.books_of["bank"] = self.bank.party.books
        self.bank.settlers |= {
            "alipay": partial(settle_alipay, self.alipay),
            "wechat": partial(settle_wechat, self.wechat.party),
            "epay": partial(settle_epay, self.epay.party),
        }
        # Where money that the bank pays out arrives, by the payee's account.
        for party in (self.alipay, self.wechat.party, self.epay.party):
            self.bank.party.payees[f"{_name_of(party)}-RESERVE"] = partial(_add_reserve, party)
        for supplier in (self.fulu, self.kasushou, self.dtone):
            self.bank.party.payees[f"{_name_of(supplier)}-PREFUND"] = partial(_add_prefund, supplier)

    async def _serve(self, name: str, port: int, routes: list[web.RouteDef]) -> str:
        guard = errors if name == "control" else outage(self.world, name)
        most = MAX_UPLOAD_BYTES if name in ("alipay", "wechat") else MAX_BODY_BYTES
        app = web.Application(client_max_size=most, middlewares=[guard])
        app.add_routes(routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self.options.host, port, backlog=1024).start()
        bound = runner.addresses[0][1]
        self._urls[name] = f"http://{self.options.host}:{bound}"
        return self._urls[name]

    def ready(self) -> dict[str, Any]:
        """What a client needs to know: addresses, ids, public key, the supplier's key and secret, pid."""
        base = self._urls["alipay"]
        return {
            "alipay": {
                "gateway": f"{base}/gateway.do",
                "cashier": f"{base}/cashier",
                "app_id": self.alipay.app_id,
                "seller_id": self.alipay.seller_id,
                "public_key_pem": self.alipay.public_key_pem,
            },
            "fulu": {
                "url": f"{self._urls['fulu']}/api/getway",
                "app_key": self.fulu.app_key,
                "app_secret": self.fulu.app_secret,
            },
            "epay": self.epay.ready(),
            "wechat": self.wechat.ready(),
            "kasushou": {
                "url": self._urls["kasushou"],
                "user_id": self.kasushou.user_id,
                "api_key": self.kasushou.api_key,
            },
            "dtone": {
                "url": f"{self._urls['dtone']}/v1",
                "api_key": self.dtone.api_key,
                "api_secret": self.dtone.api_secret,
                "currency": DTONE_CURRENCY,
                "fen_per_unit": str(FEN_PER_CENT * 100),
            },
            "bank": self.bank.ready(),
            "tsa": self.tsa.ready(),
            "control": self._urls["control"],
            "pid": os.getpid(),
        }

    async def stop(self) -> None:
        """Stop answering, then stop everything under way."""
        for runner in self._runners:
            await runner.cleanup()
        await self.world.close()


def _name_of(party: object) -> str:
    return type(party).__name__.removesuffix("Party").upper()


def _add_reserve(party: AlipayParty | WechatParty | EpayParty, fen: int) -> None:
    party.merchant_balance_fen += fen


def _add_prefund(party: FuluParty | KasushouParty | DtOneParty, fen: int) -> None:
    if isinstance(party, DtOneParty):
        party.available_cents += fen // FEN_PER_CENT
    else:
        party.balance_fen += fen


def write_ready(path: Path, ready: dict[str, Any]) -> None:
    """Atomically, readable by the owner only (it holds the simulated supplier's secret)."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(ready, file, ensure_ascii=False)
    draft.replace(path)


async def serve(options: Options, ready_file: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    world = Simulators(options)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    try:
        await world.start()
        await asyncio.to_thread(write_ready, ready_file, world.ready())
        await stopping.wait()
    finally:
        await world.stop()
