"""`zslnb.studies.schematics`: boxes, arrows, and what is trained."""

import matplotlib.pyplot as plt

from tests.toys import QUICK_REVCD, toy
from zslnb.revcd import RevCDSettings
from zslnb.studies import paradigms, pipeline
from zslnb.studies.schematics import revcd_direction, revcd_network


def test_the_schematics_have_their_arrows():
    for study, arrows in ((paradigms(), 6), (pipeline(), 9)):
        fig = study.figure()
        assert sum(text.get_text() == "" for text in fig.axes[0].texts) == arrows
        assert "filled" in study.finding()
        plt.close(fig)


def test_the_two_directions_share_no_box():
    texts = [text.get_text() for text in revcd_direction().figure().axes[0].texts]
    assert len([text for text in texts if text]) == 13
    assert "Below: RevCD, features to semantics" in revcd_direction().finding()


def test_the_network_shows_its_widths():
    settings = RevCDSettings(widths=(64, 32, 16), tokens=QUICK_REVCD.tokens)
    study = revcd_network(toy(feature_dim=12), settings)
    texts = "".join(text.get_text() for text in study.figure().axes[0].texts)
    for part in ("down, 64", "up, 32", "feature $x$\n12", "4 tokens", "$z_t$, 8"):
        assert part in texts
    assert "time multiplies" in study.finding()
