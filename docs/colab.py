"""Write the cell for Colab into each page: `python docs/colab.py`.

Colab opens a page alone, so its first cell of code brings the rest of the repository; anywhere else
the cell does nothing. Where the repository is published stands in `pyproject.toml`, as
`repository` of `[project.urls]`; without it the cell asks for the address.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = '# %% tags=["colab", "remove-cell"]\n', '# %% tags=["parameters"]\n'
CELL = f"""\
{BEGIN}\
# Colab opens a page alone: this brings the rest of the repository; elsewhere it does nothing
import subprocess
import sys

if "google.colab" in sys.modules:
    address = ADDRESS
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--src", "src", "--editable"]
    subprocess.run([*pip, f"git+{{address}}#egg=zslnb"], check=True)
    sys.path.insert(0, "src/zslnb")

"""
ASKED = 'input("Where this repository is published, https://...: ")'


def published_at() -> str:
    """Give the repository's public address; "" if it has none yet."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("repository", "")


def with_cell(page: str, address: str) -> str:
    """Put the cell before the parameters of a page's source, in the place of an older one."""
    before, after = page.split(END)
    cell = CELL.replace("ADDRESS", f'"{address}"' if address else ASKED)
    return before.partition(BEGIN)[0] + cell + END + after


def main() -> None:
    """Write it into all pages."""
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        path.write_text(with_cell(text, published_at()), encoding="utf-8")


if __name__ == "__main__":
    main()
