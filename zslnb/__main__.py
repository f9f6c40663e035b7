"""`python -m zslnb`: the command, where nothing is installed."""

import sys

from zslnb.cli import main

if __name__ == "__main__":  # and not where a process of its own imports it
    sys.exit(main())
