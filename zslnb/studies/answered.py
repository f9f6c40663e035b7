"""A study whose table and figure are at hand."""

from zslnb.studies.study import Drawn, Tabled


class Answered(Tabled, Drawn):
    """A table and a figure of the same numbers; the table names it, and facts of both are kept."""

    def __init__(self, tabled: Tabled, drawn: Drawn) -> None:
        vars(self).update(vars(drawn) | vars(tabled))
