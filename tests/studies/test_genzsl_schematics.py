"""`zslnb.studies.genzsl_schematics`: boxes, arrows, and what is trained."""

import matplotlib.pyplot as plt

from zslnb.studies import Paradigms, Pipeline


def test_the_schematics_have_their_arrows():
    for study, arrows in ((Paradigms(), 6), (Pipeline(), 9)):
        fig = study.figure()
        assert sum(text.get_text() == "" for text in fig.axes[0].texts) == arrows
        assert "filled" in study.finding()
        plt.close(fig)
