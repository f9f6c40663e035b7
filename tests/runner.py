"""A runner as a process of its own that is quick to start, for tests that kill it.

It is forked from the server that pages are forked from, and hands its pages to the same server.
"""

import os
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

from zslnb.notebook.execute import CONTEXT, warm_up


def start(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> BaseProcess:
    """Start `zslnb` with these arguments; what it prints goes to the log."""
    warm_up({})
    address = forkserver._forkserver._forkserver_address
    process = CONTEXT.Process(target=_be, args=(address, [*arguments], os.environ | dict(env), log))
    process.start()
    return process


def server() -> int:
    """Process id of the server that all are forked from."""
    return forkserver._forkserver._forkserver_pid


def _be(address: str, arguments: list[str], env: dict[str, str], log: Path) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    with log.open("ab") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    forkserver._forkserver._forkserver_address = address
    forkserver._forkserver.ensure_running = forkserver.ensure_running = lambda: None
    from zslnb import cli

    raise SystemExit(cli.main(arguments))
