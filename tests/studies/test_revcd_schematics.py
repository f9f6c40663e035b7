"""`revcd_schematics`: boxes carry this benchmark's widths."""

from tests.toys import QUICK_REVCD, toy
from zslnb.revcd import RevCDSettings
from zslnb.studies.revcd_schematics import RevCDDirection, RevCDNetwork


def test_the_two_directions_share_no_box():
    texts = [text.get_text() for text in RevCDDirection().figure().axes[0].texts]
    assert len([text for text in texts if text]) == 13
    assert "Below: RevCD, features to semantics" in RevCDDirection().finding()


def test_the_network_shows_its_widths():
    settings = RevCDSettings(widths=(64, 32, 16), tokens=QUICK_REVCD.tokens)
    study = RevCDNetwork(toy(feature_dim=12), settings)
    texts = "".join(text.get_text() for text in study.figure().axes[0].texts)
    for part in ("down, 64", "up, 32", "feature $x$\n12", "4 tokens", "$z_t$, 8"):
        assert part in texts
    assert "time multiplies" in study.finding()
