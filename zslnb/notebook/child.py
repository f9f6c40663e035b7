"""Execute one notebook: `python child.py JOB.json`, in a process that can be stopped as a whole.

Run by path, without the package, whose import would take seconds.
"""

import json
import sys
from pathlib import Path

import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from traitlets import default


class ThisInterpreter(AsyncKernelManager):
    """Start the kernel of this very Python, whatever Jupyter's folders hold under its name."""

    @default("kernel_spec_manager")
    def _no_folders(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


if __name__ == "__main__":
    papermill.execute_notebook(
        **json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")),
        progress_bar=False,
        kernel_manager_class=ThisInterpreter,
        extra_arguments=["--log-level=ERROR"],
    )
