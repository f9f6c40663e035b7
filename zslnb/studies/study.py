"""What a study is: one question, and up to four answers of different length."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure


class Study:
    """One question asked of records or of a benchmark; each study answers in some of these ways.

    Attributes:
        name: what its table and figure are called in files.
        records: experiments it was computed from, for the notebook to keep.
        headline: whether `zslnb reproduce` prints its table at the end.
        has_names: whether its table holds names that people gave, and so no Markdown.
    """

    name: str = ""
    records: Sequence[dict] = ()
    headline: bool = False
    has_names: bool = False

    def table(self) -> pd.DataFrame:
        """Lay out the rows."""
        raise NotImplementedError(f"{type(self).__name__} has no table.")

    def caption(self) -> str:
        """Say what the table holds."""
        raise NotImplementedError(f"{type(self).__name__} has no table, so no caption.")

    def figure(self) -> Figure:
        """Draw it."""
        raise NotImplementedError(f"{type(self).__name__} has no figure.")

    def finding(self) -> str:
        """State in a sentence what came out; the figure's caption."""
        raise NotImplementedError(f"{type(self).__name__} has no finding.")
