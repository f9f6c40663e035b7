"""The papers' methods in boxes and arrows: directions, pipelines, RevCD's network."""

from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCDSettings
from zslnb.studies import plots
from zslnb.studies.study import Drawn

DOWN, UP = r"$h \odot \gamma + v$", r"$h \odot v + \gamma$"  # RevCD's ways to join


def paradigms() -> Drawn:
    """Where does a synthetic feature start from?"""
    boxes = {
        "noise $o \\sim \\mathcal{N}(0, I)$": (1.3, 3.5),
        "semantics $z$ of\nan unseen class": (1.3, 2.8),
        "generator G": (4.2, 3.15),
        "feature $\\hat x = \\mathrm{G}(o, z)$": (6.7, 3.15),
        "features of similar\nseen classes $x^{refer}$": (1.3, 1.5),
        "semantics $\\tilde z$ of\nthe unseen class": (1.3, 0.7),
        "inductive VAE": (4.2, 1.1),
        "feature $\\hat x = \\mathrm{IVAE}(x^{refer}, \\tilde z)$": (6.7, 1.1),
    }
    noise, z, generator, imagined, referent, text, ivae, induced = boxes
    chains = (noise, generator, imagined), (z, generator), (referent, ivae, induced), (text, ivae)
    notes = {"(a) imagination": (1.3, 3.9), "(b) induction, GenZSL": (1.3, 2.0)}
    fig = plots.schematic(boxes, chains, (generator, ivae), notes)
    text = (
        "The paper's Figure 1, redrawn. Trained parts are filled. Both are trained on seen "
        "classes. What differs is where a feature starts from: noise, or features of similar seen "
        "classes."
    )
    alt = (
        "Two flow diagrams. Above, imagination: noise and the semantics of an unseen class enter "
        "a generator, which gives a feature. Below, induction: features of similar seen classes "
        "and the semantics enter an inductive VAE, which gives a feature."
    )
    return Drawn("paradigms", fig, text, alt=alt)


def inductive_vae() -> Drawn:
    """Which ways lead from the inputs of GenZSL's generator to its output?"""
    way = (
        "referent\n$x^{refer}$",
        "encoder IE",
        "$\\mu,\\ \\sigma$",
        "latent\n$o = \\mu + \\sigma\\varepsilon$",
        "decoder ID",
        "feature\n$\\hat x$",
    )
    _, encoder, _, latent, decoder, _ = way
    text, noise = "semantics of the target $\\tilde z$", "noise $\\varepsilon$"
    rows = [["", "", "", noise], way, ["", "", text]]
    arrows = [way, (text, encoder), (text, decoder), (noise, latent)]
    fig = plots.diagram(rows, arrows, (encoder, decoder), height=0.95)
    finding = (
        "The inductive VAE; trained parts are filled. A referent can reach the feature in one way "
        "only, through the latent; the target's semantics have a way of their own."
    )
    alt = (
        "A flow diagram: a referent enters an encoder, whose mean and deviation give, with noise, "
        "a latent; a decoder makes a feature of it. The target's semantics enter both."
    )
    return Drawn("network", fig, finding, alt=alt)


def pipeline() -> Drawn:
    """What goes where in GenZSL?"""
    names, refined = "class names,\nas CLIP texts", "CDP: refined\nsemantics $\\tilde{z}$"
    losses = "reconstruct a\ntarget's feature,\nKL, boosting"
    images, referent, encoder, decoder, classifier = way = (
        "seen images,\nas CLIP features",
        "top-k similar\nseen classes,\nmixed 0.8 : 0.2",
        "inductive\nencoder\n$\\mu, \\sigma$",
        "inductive\ndecoder\n$\\hat{x}$",
        "classifier on\nreal seen and\nsynthetic unseen",
    )
    chains = [(names, refined, referent, encoder, decoder, losses), (images, referent)]
    chains += [(refined, encoder), (refined, decoder), (decoder, classifier)]
    fig = plots.diagram([[names, refined, "", losses], way], chains, (encoder, decoder), 1.6)
    text = "GenZSL from names and images to a classifier; what is trained is filled."
    alt = (
        "A flow diagram. Class names become CLIP texts and, by CDP, refined semantics. These "
        "choose similar seen classes, whose image features are mixed and enter an inductive "
        "encoder, then a decoder; both see the semantics too. The decoder's features go to the "
        "losses and to a classifier."
    )
    return Drawn("pipeline", fig, text, alt=alt)


def revcd_direction() -> Drawn:
    """From semantics to features, or from a feature to semantics?"""
    above = (
        "semantics $z$\nof a class",
        "generator",
        "many features\n$\\hat x$",
        "classifier\nof features",
        "class of\na test image",
    )
    below = (
        "feature $x$\nof an image",
        "denoiser,\n$T$ steps",
        "one estimate\n$\\hat z_0$",
        "nearest\nprototype",
        "class of\nthe image",
    )
    noise, start, semantics = "noise", "noise $z_T$", "semantics of\nall classes"
    rows = [["", noise], above, below, ["", start, "", semantics]]
    chains = (semantics, below[3]), above, (noise, above[1]), below, (start, below[1])
    fig = plots.diagram(rows, chains, (above[1], below[1]), height=0.95)
    text = (
        "Above: semantics to features, as GenZSL and most generative methods go. Below: RevCD, "
        "features to semantics. Trained parts are filled. (The paper's Figure 1, redrawn from its "
        "text.)"
    )
    alt = (
        "Two flow diagrams. Above: semantics of a class and noise enter a generator; its many "
        "features train a classifier, which gives the class of a test image. Below: the feature "
        "of an image and noise enter a denoiser of many steps; the prototype nearest to its one "
        "estimate of the semantics gives the class."
    )
    return Drawn("direction", fig, text, alt=alt)


def revcd_losses() -> Drawn:
    """Where do RevCD's three losses come in?"""
    boxes = {
        "prototype $z_0$\nof the class": (0.9, 3.2),
        "noised\n$z_t$": (2.5, 3.2),
        "network": (3.9, 2.6),
        "estimate\n$\\hat z_0$": (5.2, 2.6),
        "its noise $\\hat\\varepsilon$\n(eq. 11)": (5.2, 1.1),
        "noise $\\varepsilon$": (2.5, 4.0),
        "step $t$": (2.5, 1.1),
        "image $x$, or in\na tenth no image": (0.9, 2.1),
        "1: squared error\nto $z_0$, image shown": (7.0, 3.4),
        "3: class among seen\nprototypes, image\nshown": (7.0, 2.4),
        "2: squared error to\n$\\varepsilon$, all samples": (7.0, 1.1),
    }
    z0, zt, network, estimate, noise_hat, noise, step, image, *ends = boxes
    chains = [(z0, zt, network, estimate), (noise, zt), (step, zt), (step, network)]
    chains += [(image, network)]
    chains += [(estimate, noise_hat, ends[2]), (estimate, ends[0]), (estimate, ends[1])]
    fig = plots.schematic(boxes, chains, filled=(network,))
    text = (
        "The three losses and what they compare (after the text of the paper's Figure 2a). Hiding "
        "the image is for loss 2 alone. What is trained is filled."
    )
    alt = (
        "A flow diagram. A class prototype is noised by noise and step. With the step and the "
        "image, which is sometimes hidden, it enters a network that gives an estimate of the "
        "prototype. Loss 1 compares that with the prototype, loss 3 asks for its class among "
        "seen prototypes, and loss 2 compares the noise that follows from it with the true noise."
    )
    return Drawn("losses", fig, text, alt=alt)


def revcd_network(benchmark: Benchmark, settings: RevCDSettings) -> Drawn:
    """Where do time and image enter the network?"""
    wide, middle, narrow = settings.widths
    boxes = {
        f"noisy semantics\n$z_t$, {benchmark.semantic_dim}": (0.8, 4.1),
        f"down, {wide}\n{DOWN}": (2.4, 4.1),
        f"down, {middle}\n{DOWN}": (2.4, 3.2),
        f"down, {narrow}\n{DOWN}": (3.75, 2.4),
        f"up, {middle}\n{UP}": (5.1, 3.2),
        f"up, {wide}\n{UP}": (5.1, 4.1),
        "linear": (6.4, 4.1),
        f"estimate\n$\\hat z_0$, {benchmark.semantic_dim}": (7.4, 4.1),
        f"feature $x$\n{benchmark.feature_dim}": (0.6, 0.5),
        f"{settings.tokens} tokens": (1.6, 0.5),
        "Transformer": (2.7, 0.5),
        "image $v$": (3.75, 0.5),
        "step $t$": (6.6, 0.5),
        "sines, cosines\n$\\gamma$": (5.3, 0.5),
    }
    names, all_layers = [*boxes], "to each of the five layers"
    chains = [names[:8], (names[1], names[5]), (names[2], names[4])]
    chains += [[*names[8:12], all_layers], [*names[12:], all_layers]]
    notes = {all_layers: (4.5, 1.5), "skip": (3.75, 4.3), "skip ": (3.75, 3.4)}
    trained, frame = (*names[1:7], names[10]), (1.75, 1.75, 5.75, 4.55)
    fig = plots.schematic(boxes, chains, trained, notes, frame)
    text = (
        "The network of section 3.4, with this profile's widths. Trained parts are filled. On the "
        "way down time multiplies ($\\odot$, column by column) and the image is added; on the way "
        "up it is the other way round."
    )
    alt = (
        "A U-shaped network: noisy semantics go through three narrowing layers and two widening "
        "ones, with skips between layers of one width, then through a linear layer to the "
        "estimate. Below, the image feature goes through tokens and a Transformer, and the step "
        "through sines and cosines; both go to each of the five layers."
    )
    return Drawn("network", fig, text, alt=alt)
