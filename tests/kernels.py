"""Kernels for tests that start at once, on Linux: forked from a server with all that pages import.

As a plugin it gives nbval such kernels; `Forked` is one to hand to nbclient. They are those of
`make reproduce`, but for the process that asks: pytest's has threads, and cannot fork itself.
"""

import os
import signal
from multiprocessing.process import BaseProcess, current_process
from typing import Any

from jupyter_client import AsyncKernelManager, KernelManager
from nbval import kernel

from zslnb.notebook import child
from zslnb.notebook.execute import CONTEXT, FORKS


class Kernel:
    """A forked kernel, with what Jupyter asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, process: BaseProcess) -> None:
        self.process, self.pid = process, process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self.process.join(timeout)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()


class _Forks:
    """Have the server fork what is to become the kernel."""

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
        given = (kernel_cmd, options.get("cwd"), dict(os.environ))
        process = CONTEXT.Process(target=_be_kernel, args=given, daemon=True)
        process.start()
        self.provisioner.process = Kernel(process)
        self.provisioner.pid = self.provisioner.pgid = process.pid


class Forked(_Forks, AsyncKernelManager):
    """For nbclient."""


class _ForkedForNbval(_Forks, KernelManager):
    pass


def _be_kernel(command: list[str], folder: str | None, env: dict[str, str]) -> None:
    os.setsid()  # signals are for one of the two
    current_process()._config["daemon"] = False  # which ends with us, but may start processes
    os.environ.clear()
    os.environ.update(env)
    if folder:
        os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    child.be_kernel(lambda: command)


if FORKS:
    kernel.KernelManager = _ForkedForNbval
else:
    Forked = AsyncKernelManager
