"""A generative method with its border moved: what one constant adds to its classifier."""

from dataclasses import replace

import torch.nn.functional as F

from zslnb.benchmark import Benchmark
from zslnb.experiments.families import Generator
from zslnb.experiments.generative import Pick, with_real
from zslnb.experiments.scoring import score_test_images
from zslnb.protocol import Scored, train_classifier


def classified(model: Generator, benchmark: Benchmark, pick: Pick) -> Scored:
    """Score the test images with the classifier of one candidate, which is trained for it.

    It is the classifier that `candidates` has after as many epochs on as many synthetic features.
    """
    n_synthetic, epochs = pick
    samples = with_real(model, model.synthesise(benchmark.unseen, n_synthetic))
    settings = replace(model.settings.classifier, epochs=epochs)
    trainer = train_classifier(*samples, settings, model.seed)
    features = F.normalize(benchmark.features, dim=1).to(model.features.device)
    scores = score_test_images(trainer.scores, features, benchmark)
    return Scored(scores.cpu(), trainer.classes.cpu(), benchmark)
