"""`zslnb.studies.schematics`: boxes, arrows, and what is trained."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest

from tests.toys import QUICK_REVCD, toy
from zslnb.revcd import RevCDSettings
from zslnb.studies import style
from zslnb.studies.schematics import (
    inductive_vae,
    paradigms,
    pipeline,
    revcd_direction,
    revcd_losses,
    revcd_network,
)

# as on a page, where the fonts decide how large a box is
pytestmark = pytest.mark.usefixtures("styled")


def check_fits(fig: plt.Figure) -> None:
    """Every text lies on the canvas, and no box lies over another."""
    style.check_readable(fig)
    boxes = [text.get_bbox_patch() for text in fig.axes[0].texts if text.get_bbox_patch()]
    extents = [box.get_window_extent() for box in boxes]
    assert len(extents) > 5
    assert all(fig.bbox.containsx(e.x0) and fig.bbox.containsx(e.x1) for e in extents)
    assert all(fig.bbox.containsy(e.y0) and fig.bbox.containsy(e.y1) for e in extents)
    assert not [pair for pair in combinations(extents, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize(
    ("schematic", "texts", "arrows"),
    [
        (paradigms, 8 + 2, 6),
        (inductive_vae, 8, 8),
        (pipeline, 8, 9),
        (revcd_direction, 13, 11),
        (revcd_losses, 11, 11),
    ],
)
def test_a_schematic_has_its_boxes_and_arrows(schematic, texts, arrows):
    shown = [text.get_text() for text in schematic().figure().axes[0].texts]
    assert (sum(text != "" for text in shown), shown.count("")) == (texts, arrows)
    assert "filled" in schematic().finding()
    check_fits(schematic().figure())


def test_the_network_shows_its_widths():
    settings = RevCDSettings(widths=(64, 32, 16), tokens=QUICK_REVCD.tokens)
    study = revcd_network(toy(feature_dim=12), settings)
    texts = "".join(text.get_text() for text in study.figure().axes[0].texts)
    for part in ("down, 64", "up, 32", "feature $x$\n12", "4 tokens", "$z_t$, 8"):
        assert part in texts
    assert "time multiplies" in study.finding()
    check_fits(study.figure())
