"""The reader's desk, and the notebooks as files."""

import sys

# nbformat's validator takes it, where it is installed, for addresses with letters beyond ASCII,
# which no notebook's schema has; to import it takes more than half as long as to import torch
sys.modules.setdefault("rfc3987_syntax", None)
