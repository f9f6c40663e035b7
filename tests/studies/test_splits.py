"""`zslnb.studies.splits`: which images are for what."""

from toys import PER_CLASS, SEEN, TRAIN, toy

from zslnb.studies import PublishedSizes, Split


def test_published_sizes_are_those_of_the_proposed_split() -> None:
    sizes = PublishedSizes().table().set_index("benchmark")
    assert sizes.loc["CUB", ["seen", "unseen"]].tolist() == [150, 50]
    assert PublishedSizes().caption().endswith("classes, then images.")


def test_every_image_of_every_class_is_in_one_part() -> None:
    split = Split(toy())
    counts = split.counts()
    assert counts.sum(axis=1).tolist() == [PER_CLASS] * len(counts)
    assert counts["trainval"].tolist() == [TRAIN] * SEEN + [0, 0]
    assert counts["test, unseen classes"].tolist() == [0] * SEEN + [PER_CLASS] * 2
    (line,) = split.figure().axes[0].lines
    assert line.get_xdata() == [SEEN - 0.5] * 2  # between seen and unseen classes
    assert "only seen classes train" in split.finding()
