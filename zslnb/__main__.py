"""`python -m zslnb`: the command, where nothing is installed."""

import sys

from zslnb.cli import main

sys.exit(main())
