"""GenZSL in boxes and arrows: the two paradigms it tells apart, and its own pipeline."""

from matplotlib.figure import Figure

from zslnb.studies import plots
from zslnb.studies.study import Study

PARADIGMS = {
    "noise $z \\sim \\mathcal{N}(0, I)$": (1.3, 3.5),
    "semantics $a$ of\nan unseen class": (1.3, 2.75),
    "generator G": (4.2, 3.1),
    "feature $\\hat x = \\mathrm{G}(z, a)$": (6.9, 3.1),
    "features of similar\nseen classes $x^{refer}$": (1.3, 1.3),
    "semantics $\\tilde z$ of\nthe unseen class": (1.3, 0.4),
    "inductive VAE": (4.2, 0.85),
    "feature $\\hat x = \\mathrm{IVAE}(x^{refer}, \\tilde z)$": (6.9, 0.85),
}
PIPELINE = {
    "class names,\nas CLIP texts": (1.0, 2.9),
    "CDP: refined\nsemantics $\\tilde{z}$": (3.2, 2.9),
    "seen images,\nas CLIP features": (1.0, 0.9),
    "top-k similar seen classes,\nmixed 0.8 : 0.2": (3.6, 0.9),
    "inductive encoder\n$\\mu, \\sigma$": (6.1, 0.9),
    "inductive decoder\n$\\hat{x}$": (8.2, 0.9),
    "reconstruct a target's\nfeature, KL, boosting": (8.2, 2.9),
    "classifier on real seen\nand synthetic unseen": (10.6, 0.9),
}


class Paradigms(Study):
    """Where does a synthetic feature start from?"""

    name = "paradigms"

    def figure(self) -> Figure:
        noise, a, generator, imagined, referent, text, ivae, induced = PARADIGMS
        arrows = [(noise, generator), (a, generator), (generator, imagined)]
        arrows += [(referent, ivae), (text, ivae), (ivae, induced)]
        fig = plots.schematic(PARADIGMS, arrows, (8.4, 4.1), filled=(generator, ivae))
        for y, title in ((3.9, "(a) imagination"), (1.8, "(b) induction, GenZSL")):
            fig.axes[0].text(0.1, y, title, weight="bold", fontsize=10)
        return fig

    def finding(self) -> str:
        return (
            "The paper's Figure 1, redrawn. Trained parts are filled. Both are trained on seen "
            "classes. What differs is where a feature starts from: noise, or features of similar "
            "seen classes."
        )


class Pipeline(Study):
    """What goes where in GenZSL?"""

    name = "pipeline"

    def figure(self) -> Figure:
        names, refined, images, referent, encoder, decoder, losses, classifier = PIPELINE
        arrows = [(names, refined), (refined, referent), (images, referent), (referent, encoder)]
        arrows += [(encoder, decoder), (refined, encoder), (refined, decoder), (decoder, losses)]
        arrows += [(decoder, classifier)]
        return plots.schematic(PIPELINE, arrows, (11.8, 3.7), filled=(encoder, decoder))

    def finding(self) -> str:
        return "GenZSL from names and images to a classifier; what is trained is filled."
