"""Command line: ``python -m simulators serve --ready-file F``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import uvloop

from simulators.server import Options, serve
from simulators.world import Clock


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="mingzhang-simulators", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("serve", help="start Alipay, 福禄 and the control API on loopback")
    run.add_argument("--ready-file", type=Path, required=True, help="JSON written once every port answers")
    run.add_argument("--host", default="127.0.0.1")
    run.add_argument("--alipay-port", type=int, default=0)
    run.add_argument("--fulu-port", type=int, default=0)
    run.add_argument("--dtone-port", type=int, default=0)
    run.add_argument("--kasushou-port", type=int, default=0)
    run.add_argument("--epay-port", type=int, default=0)
    run.add_argument("--wechat-port", type=int, default=0)
    run.add_argument("--bank-port", type=int, default=0)
    run.add_argument("--tsa-port", type=int, default=0)
    run.add_argument("--bank-balance-fen", type=int, default=0)
    run.add_argument(
        "--bank-statement-s", type=float, default=600.0, help="between statements; 0: on request"
    )
    run.add_argument("--control-port", type=int, default=0)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument(
        "--clock",
        type=Clock.parse,
        default=Clock(),
        metavar="CLOCK",
        help="system, scaled:<real_epoch>:<virtual_epoch>:<speed>, or stepped:…:<file>",
    )
    run.add_argument("--keys-dir", type=Path, help="keep the simulated Alipay's key here between starts")
    run.add_argument("--merchant-public-key", type=Path, help="file with the merchant's public key")
    run.add_argument("--supplier-balance-fen", type=int, default=100_000_000)
    run.add_argument("--rates", type=json.loads, default={}, help='e.g. {"alipay.notify_lost":0.1}')
    run.add_argument("--fulu-notify-url", default="")
    run.add_argument("--fulu-delay-s", type=float, default=3.0, help="usual virtual seconds of a top-up")
    run.add_argument(
        "--no-account-suffixes",
        action="store_true",
        help="the charge account's last digits do not pick the outcome",
    )
    return top


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``mingzhang-simulators`` and ``python -m simulators``."""
    given = parser().parse_args(arguments)
    key = given.merchant_public_key.read_text() if given.merchant_public_key else ""
    options = Options(
        host=given.host,
        alipay_port=given.alipay_port,
        fulu_port=given.fulu_port,
        dtone_port=given.dtone_port,
        kasushou_port=given.kasushou_port,
        epay_port=given.epay_port,
        wechat_port=given.wechat_port,
        bank_port=given.bank_port,
        tsa_port=given.tsa_port,
        bank_balance_fen=given.bank_balance_fen,
        bank_statement_s=given.bank_statement_s,
        control_port=given.control_port,
        seed=given.seed,
        clock=given.clock,
        keys_dir=given.keys_dir,
        merchant_public_key=key,
        supplier_balance_fen=given.supplier_balance_fen,
        rates=given.rates,
        fulu_notify_url=given.fulu_notify_url,
        fulu_delay_s=given.fulu_delay_s,
        fulu_suffixes=not given.no_account_suffixes,
    )
    uvloop.run(serve(options, given.ready_file))
