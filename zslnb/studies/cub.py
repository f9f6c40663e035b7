"""What is recorded of CUB's real features, for pages that show it beside a run of their own."""

from zslnb import results

RUNS = ("cub_resnet_fc1000-sentences", "cub_resnet_fc1000-attributes")


def cub_rows(kind: str, table: str, profile: str = "medium") -> list[dict]:
    """Read the rows of a table; none where nobody has run it yet.

    `kind` is of the semantics that methods were given, "attributes" or "sentences".
    """
    recorded = [r for run in RUNS for r in results.recorded(f"{run}-{profile}")]
    kinds = [r["benchmark"]["semantics"].split(", ")[0] for r in recorded]  # others only compared
    return results.rows_of(
        [r for r, given in zip(recorded, kinds, strict=True) if given == kind], table
    )
