"""Execute one notebook: what a page's own process does.

On Linux this process was forked with everything imported that pages need, and so is the kernel:
the first thing the process does is to fork once more, before there is a thread or an event loop.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import Pipe, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, ClassVar

import papermill
import psutil
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import DeadKernelError
from traitlets import default

INLINE = "module://matplotlib_inline.backend_inline"


class ThisInterpreter(AsyncKernelManager):
    """Start the kernel of this very Python, whatever Jupyter's folders hold under its name."""

    @default("kernel_spec_manager")
    def _no_folders(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


class Kernel(psutil.Process):
    """A forked kernel, with what Jupyter asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        """Give the exit status; None while it runs."""
        with suppress(psutil.TimeoutExpired):
            return self.wait(0)
        return None


class Forked(ThisInterpreter):
    """Give the command that would start a kernel to the process that was forked for it."""

    kernel: ClassVar[Kernel]
    commands: ClassVar[Connection]

    async def _async_launch_kernel(self, kernel_cmd: list[str], **_: Any) -> None:
        self.commands.send(kernel_cmd)
        self.provisioner.process = self.kernel
        self.provisioner.pid = self.provisioner.pgid = self.kernel.pid


def execute(job: Mapping[str, Any], *, forks: bool) -> None:
    """Execute a notebook; `job` are papermill's arguments. In a forked kernel it never returns."""
    if forks:
        _fork()
    Thread(target=_end_with_runner, daemon=True).start()
    try:
        papermill.execute_notebook(
            **job,
            progress_bar=False,
            kernel_manager_class=Forked if forks else ThisInterpreter,
            extra_arguments=["--log-level=ERROR"],
        )
    except DeadKernelError as error:
        if forks and Forked.kernel.poll() == -signal.SIGKILL:
            raise DeadKernelError(f"{error} of SIGKILL") from error
        raise


def _end_with_runner() -> None:
    """Wait until the runner is gone, however it ended, and end with it: else two work on a page."""
    wait([parent_process().sentinel])
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    os._exit(1)


def _fork() -> None:
    commands, Forked.commands = Pipe(duplex=False)
    if pid := os.fork():
        Forked.kernel = Kernel(pid)
    else:
        Forked.commands.close()
        os.setsid()  # or signals for the kernel would reach this page's process, too
        be_kernel(commands.recv)
        sys.exit()


def be_kernel(wait_for_command: Callable[[], list[str]]) -> None:
    """Be a kernel, in a forked process, once the command is known that would start one."""
    parent = os.getppid()  # before it could be gone
    import torch
    from ipykernel.kernelapp import IPKernelApp
    from matplotlib import rcParams

    if threads := os.environ.get("OMP_NUM_THREADS"):  # it was read at import, by the server
        torch.set_num_threads(int(threads.split(",")[0]))  # a list has one for each level
    rcParams["backend"] = os.environ.get("MPLBACKEND", INLINE)
    _python, _module, _name, *arguments = wait_for_command()
    with_parent = f"--IPKernelApp.parent_handle={parent}"  # with which it ends
    IPKernelApp.launch_instance(argv=[*arguments, with_parent])
