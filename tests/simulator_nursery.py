"""Starts simulators by forking: one process that has imported everything, then a child for each start.

A start of ``python -m simulators`` costs a second of processor time, nearly all of it imports. Each child is a
process of its own, with pid, ports, books and log; it runs the same `main` with the same arguments.

Protocol on its standard streams' socket: a line of JSON ``{"arguments": [...], "log": path}`` begins a child; it
answers the child's pid and, when that has ended, its exit code (minus the signal), a line each.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys

from simulators.cli import main


def live(arguments: list[str], log: str) -> None:
    """Be the simulators until told to stop; never returns into the nursery."""
    code = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        main(arguments)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException as error:  # noqa: BLE001 - a forked child must end here, whatever happened
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def watch(line: socket.socket) -> None:
    """One child's whole life, told to whoever asked for it."""
    asked = json.loads(line.makefile().readline())
    child = os.fork()
    if child == 0:
        line.close()
        live(asked["arguments"], asked["log"])
    line.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def serve(path: str) -> None:
    """Until standard input ends, which is when the tests end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            called, _, _ = select.select([door, sys.stdin], [], [])
            if sys.stdin in called:
                return
            line, _ = door.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                door.close()
                try:
                    watch(line)
                except OSError:
                    os._exit(1)  # nobody listens any more
                os._exit(0)
            line.close()


if __name__ == "__main__":
    serve(sys.argv[1])
