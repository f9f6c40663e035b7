"""Say in one sentence, before anything is installed, if the locked packages do not exist here.

Torch, the choosiest of them, has wheels for these systems only. Runs on any Python 3.
"""

import platform
import sys

ELSEWHERE = (
    "Elsewhere use a container or another machine; or bring torch 2.6 or newer and torchvision in "
    "your system's own way (conda-forge, say), then `pip install -e .` and `zslnb reproduce`."
)


def why_not(python, system, machine, version):
    """Give the reason, or nothing; `version` is that of glibc on Linux and of macOS on a Mac."""
    if not (3, 11) <= python <= (3, 13):
        return "zslnb needs Python 3.11 to 3.13; name one: make PYTHON=python3.12 ..."
    if system == "Linux" and machine in ("x86_64", "aarch64") and version >= (2, 28):
        return ""
    if system == "Darwin" and machine == "arm64" and version >= (14,):
        return ""
    if system == "Windows" and machine == "AMD64":
        return ""
    here = " ".join([system, machine, ".".join(map(str, version))]).strip()
    return (
        "The locked packages exist for Linux on x86-64 and aarch64 with glibc 2.28 or newer, for "
        "macOS 14 or newer on Apple silicon, and for Windows on x86-64; this Python runs on "
        f"{here}. {ELSEWHERE}"
    )


def numbers(version):
    """Turn "2.28" into (2, 28); nothing into ()."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


if __name__ == "__main__":
    library, glibc = platform.libc_ver()
    version = platform.mac_ver()[0] or (glibc if library == "glibc" else "")
    sys.exit(
        why_not(sys.version_info[:2], platform.system(), platform.machine(), numbers(version)) or 0
    )
