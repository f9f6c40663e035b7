"""What a study is: one question, and answers of different length."""

from typing import TYPE_CHECKING

import pandas as pd

from zslnb.studies.rows import Records

if TYPE_CHECKING:  # a study without a figure does without matplotlib
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
    records: Records = ()
    headline: bool = False
    has_names: bool = False

    def table(self) -> pd.DataFrame:
        """Lay out the rows."""
        raise NotImplementedError(f"{type(self).__name__} has no table.")

    def caption(self) -> str:
        """Say what the table holds."""
        raise NotImplementedError(f"{type(self).__name__} has no table, so no caption.")

    def figure(self) -> "Figure":
        """Draw it."""
        raise NotImplementedError(f"{type(self).__name__} has no figure.")

    def finding(self) -> str:
        """State in a sentence what came out; the figure's caption."""
        raise NotImplementedError(f"{type(self).__name__} has no finding.")

    def alt(self) -> str:
        """Describe the figure to those who cannot see it: axes, lines, their course in kind.

        No Markdown, and no number that the caption states.
        """
        raise NotImplementedError(f"{type(self).__name__} does not describe its figure.")


class Tabled(Study):
    """A table that is at hand, and what to say of it; `facts` become attributes."""

    def __init__(
        self, name: str, frame: pd.DataFrame, caption: str, records: Records = (), **facts: object
    ) -> None:
        self.table, self.caption = lambda: frame, lambda: caption
        vars(self).update(facts, name=name, records=records)


class Drawn(Study):
    """A figure that is drawn, its alt text, and what came out; `facts` become attributes."""

    def __init__(
        self,
        name: str,
        fig: "Figure",
        finding: str,
        records: Records = (),
        *,
        alt: str,
        **facts: object,
    ) -> None:
        from matplotlib import pyplot  # here: studies without a figure do without it

        pyplot.close(fig)  # or a notebook would show it where it is drawn, without its caption
        self.figure, self.finding, self.alt = lambda: fig, lambda: finding, lambda: alt
        vars(self).update(facts, name=name, records=records)


class Answered(Tabled, Drawn):
    """A table and a figure of the same numbers; the table names it, and facts of both are kept."""

    def __init__(self, tabled: Tabled, drawn: Drawn) -> None:
        vars(self).update(vars(drawn) | vars(tabled))
