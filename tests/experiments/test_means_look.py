"""`zslnb.experiments.means_look`: predicted means with one classifier, and nothing chosen."""

from dataclasses import replace

from toys import QUICK, toy

from zslnb.experiments import MeansSettings, run


def test_with_nothing_to_choose_it_is_what_clean_finds(build):
    one = replace(QUICK.classifier, epochs=1)
    settings = MeansSettings.beside(QUICK, n_synthetic_choices=(5,), classifier=one)
    look, clean = (run(method, toy(), settings)["scores"] for method in ("means_look", "means"))
    assert look["clean"] == clean["clean"]


def test_it_scores_the_last_epoch_of_the_first_number_of_samples(build):
    settings = MeansSettings.beside(QUICK, n_synthetic_choices=(2, 5))
    alone = replace(settings, n_synthetic_choices=(2,))
    first, only = (run("means_look", toy(), s)["scores"] for s in (settings, alone))
    assert first == only
    longer = replace(alone, classifier=replace(QUICK.classifier, epochs=30))
    assert run("means_look", toy(), longer)["scores"]["clean"] != only["clean"]
