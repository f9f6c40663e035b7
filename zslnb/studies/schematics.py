"""The papers' methods in boxes and arrows: directions, pipelines, RevCD's network."""

from matplotlib.patches import Rectangle

from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCDSettings
from zslnb.studies import plots
from zslnb.studies.study import Drawn

DOWN, UP = r"$h \odot \gamma + v$", r"$h \odot v + \gamma$"  # RevCD's ways to join


def paradigms() -> Drawn:
    """Where does a synthetic feature start from?"""
    boxes = {
        "noise $o \\sim \\mathcal{N}(0, I)$": (1.3, 3.5),
        "semantics $z$ of\nan unseen class": (1.3, 2.75),
        "generator G": (4.2, 3.1),
        "feature $\\hat x = \\mathrm{G}(o, z)$": (6.9, 3.1),
        "features of similar\nseen classes $x^{refer}$": (1.3, 1.3),
        "semantics $\\tilde z$ of\nthe unseen class": (1.3, 0.4),
        "inductive VAE": (4.2, 0.85),
        "feature $\\hat x = \\mathrm{IVAE}(x^{refer}, \\tilde z)$": (6.9, 0.85),
    }
    noise, z, generator, imagined, referent, text, ivae, induced = boxes
    chains = (noise, generator, imagined), (z, generator), (referent, ivae, induced), (text, ivae)
    fig = plots.schematic(boxes, chains, (8.4, 4.1), filled=(generator, ivae))
    for y, title in ((3.9, "(a) imagination"), (1.8, "(b) induction, GenZSL")):
        fig.axes[0].text(0.1, y, title, weight="bold", fontsize=10)
    text = (
        "The paper's Figure 1, redrawn. Trained parts are filled. Both are trained on seen "
        "classes. What differs is where a feature starts from: noise, or features of similar seen "
        "classes."
    )
    return Drawn("paradigms", fig, text)


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
    fig = plots.diagram(rows, arrows, filled=(encoder, decoder), cell=(1.6, 0.95))
    finding = (
        "The inductive VAE; trained parts are filled. A referent can reach the feature in one way "
        "only, through the latent; the target's semantics have a way of their own."
    )
    return Drawn("network", fig, finding)


def pipeline() -> Drawn:
    """What goes where in GenZSL?"""
    boxes = {
        "class names,\nas CLIP texts": (1.0, 2.9),
        "CDP: refined\nsemantics $\\tilde{z}$": (3.2, 2.9),
        "seen images,\nas CLIP features": (1.0, 0.9),
        "top-k similar seen classes,\nmixed 0.8 : 0.2": (3.6, 0.9),
        "inductive encoder\n$\\mu, \\sigma$": (6.1, 0.9),
        "inductive decoder\n$\\hat{x}$": (8.2, 0.9),
        "reconstruct a target's\nfeature, KL, boosting": (8.2, 2.9),
        "classifier on real seen\nand synthetic unseen": (10.6, 0.9),
    }
    names, refined, images, referent, encoder, decoder, losses, classifier = boxes
    chains = [(names, refined, referent, encoder, decoder, losses), (images, referent)]
    chains += [(refined, encoder), (refined, decoder), (decoder, classifier)]
    fig = plots.schematic(boxes, chains, (11.8, 3.7), filled=(encoder, decoder))
    text = "GenZSL from names and images to a classifier; what is trained is filled."
    return Drawn("pipeline", fig, text)


def revcd_direction() -> Drawn:
    """From semantics to features, or from a feature to semantics?"""
    usual = {
        "semantics $z$\nof a class": (1.0, 2.9),
        "generator": (3.0, 2.9),
        "many features\n$\\hat x$": (4.9, 2.9),
        "classifier\nof features": (6.9, 2.9),
        "class of\na test image": (8.9, 2.9),
        "noise": (3.0, 3.9),
    }
    turned = {
        "feature $x$\nof an image": (1.0, 1.6),
        "denoiser,\n$T$ steps": (3.0, 1.6),
        "one estimate\n$\\hat z_0$": (4.9, 1.6),
        "nearest\nprototype": (6.9, 1.6),
        "class of\nthe image": (8.9, 1.6),
        "noise $z_T$": (3.0, 0.4),
        "semantics of all classes": (6.9, 0.4),
    }
    (*above, noise), (*below, start, semantics) = usual, turned
    chains = (semantics, below[3]), above, (noise, above[1]), below, (start, below[1])
    fig = plots.schematic({**usual, **turned}, chains, (9.8, 4.3), filled=(above[1], below[1]))
    text = (
        "Above: semantics to features, as GenZSL and most generative methods go. Below: RevCD, "
        "features to semantics. Trained parts are filled. (The paper's Figure 1, redrawn from its "
        "text.)"
    )
    return Drawn("direction", fig, text)


def revcd_losses() -> Drawn:
    """Where do RevCD's three losses come in?"""
    boxes = {
        "prototype $z_0$\nof the class": (1.0, 3.4),
        "noised\n$z_t$": (3.1, 3.4),
        "network": (5.2, 2.6),
        "estimate\n$\\hat z_0$": (7.2, 2.6),
        "its noise $\\hat\\varepsilon$\n(eq. 11)": (7.2, 1.1),
        "noise $\\varepsilon$": (3.1, 4.3),
        "step $t$": (3.1, 1.1),
        "image $x$, or in a tenth\nno image": (1.0, 2.1),
        "1: squared error\nto $z_0$, image shown": (9.8, 3.6),
        "3: class among seen\nprototypes, image shown": (9.8, 2.4),
        "2: squared error to\n$\\varepsilon$, all samples": (9.8, 1.1),
    }
    z0, zt, network, estimate, noise_hat, noise, step, image, *ends = boxes
    chains = [(z0, zt, network, estimate), (noise, zt), (step, zt), (step, network)]
    chains += [(image, network)]
    chains += [(estimate, noise_hat, ends[2]), (estimate, ends[0]), (estimate, ends[1])]
    fig = plots.schematic(boxes, chains, (11.4, 4.7), filled=(network,))
    text = (
        "The three losses and what they compare (after the text of the paper's Figure 2a). Hiding "
        "the image is for loss 2 alone. What is trained is filled."
    )
    return Drawn("losses", fig, text)


def revcd_network(benchmark: Benchmark, settings: RevCDSettings) -> Drawn:
    """Where do time and image enter the network?"""
    wide, middle, narrow = settings.widths
    boxes = {
        f"noisy semantics\n$z_t$, {benchmark.semantic_dim}": (1.0, 4.5),
        f"down, {wide}\n{DOWN}": (3.2, 4.5),
        f"down, {middle}\n{DOWN}": (3.2, 3.4),
        f"down, {narrow}\n{DOWN}": (4.9, 2.4),
        f"up, {middle}\n{UP}": (6.6, 3.4),
        f"up, {wide}\n{UP}": (6.6, 4.5),
        "linear": (8.1, 4.5),
        f"estimate\n$\\hat z_0$, {benchmark.semantic_dim}": (9.5, 4.5),
        f"feature $x$\n{benchmark.feature_dim}": (1.0, 0.5),
        f"{settings.tokens} tokens": (2.8, 0.5),
        "Transformer": (4.3, 0.5),
        "image $v$": (5.7, 0.5),
        "step $t$": (8.6, 0.5),
        "sines, cosines\n$\\gamma$": (7.1, 0.5),
    }
    names = [*boxes]
    chains = names[:8], (names[1], names[5]), (names[2], names[4]), names[8:12], names[12:]
    fig = plots.schematic(boxes, chains, (10.6, 5.2), filled=[*names[1:7], names[10]])
    ax, style = fig.axes[0], {"arrowstyle": "-|>", "color": "0.3"}
    ax.add_patch(Rectangle((2.2, 1.6), 5.4, 3.4, fill=False, linestyle="--", edgecolor="0.4"))
    for x in (5.7, 7.1):
        ax.annotate("", xy=(x, 1.6), xytext=(x, 0.8), arrowprops=style)
    ax.text(7.5, 1.72, "to each of the five layers", fontsize=8, ha="right")
    for y in (4.62, 3.52):
        ax.text(4.9, y, "skip", fontsize=8, ha="center")
    text = (
        "The network of section 3.4, with this profile's widths. Trained parts are filled. On the "
        "way down time multiplies ($\\odot$, column by column) and the image is added; on the way "
        "up it is the other way round."
    )
    return Drawn("network", fig, text)
