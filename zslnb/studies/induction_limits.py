"""When does induction fail: accuracy against distance, without relatives, and a hybrid."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from zslnb import results
from zslnb.experiments.induction_limits import IMAGINED, INDUCED
from zslnb.experiments.relatives import OTHERS_GONE, RELATIVES_GONE
from zslnb.results import Difference
from zslnb.studies import plots
from zslnb.studies.cub import cub_rows
from zslnb.studies.induction_runs import DISTANCE, IMAGES, RELATIVES, ROW, of_table
from zslnb.studies.rows import Records, mean_and_word, plus_minus, values
from zslnb.studies.study import Answered, Drawn, Study, Tabled
from zslnb.studies.style import METHODS, in_order

INDUCTION, IMAGINATION = "GenZSL", "cVAE"  # whom the figure and the hybrid set against each other
NOISE = "GenZSL, noise"


def limits_on_cub(kind: str) -> list[Study]:
    """Lay out what is recorded of CUB with one kind of semantics; nothing if nothing is.

    The page that shows it keeps none of these records: they are of another run.
    """
    title, name = f"CUB, ResNet fc1000 features, {kind}", f"cub-{kind}"
    answers = {
        DISTANCE: (by_distance, hybrids),
        RELATIVES: (without_relatives,),
        IMAGES: (with_fewer_images,),
    }
    found = [
        answer(records, title, name)
        for table, asked in answers.items()
        if (records := cub_rows(kind, table))
        for answer in asked
    ]
    for study in found:
        study.records = ()
    return found


def by_distance(records: Records, title: str, name: str) -> Answered:
    """How does accuracy fall with the distance to the seen classes, method by method?

    Args:
        records: of `run_limits`; the others are left alone.
        title: of the data. name: of files.
    """
    kept = of_table(records, DISTANCE)
    nearest, visual = (np.array(kept[0]["scores"]["classes"][k]) for k in ("nearest", "visual"))
    accuracy = {
        method: 100 * values(kept, ROW, "accuracy", method)  # (seeds, classes)
        for method in in_order(kept[0]["scores"]["accuracy"])
    }
    slopes = {method: np.polyfit(nearest, a.T, 1)[0] / 10 for method, a in accuracy.items()}
    steeper = results.differences_by(
        {m: slope - slopes[INDUCTION] for m, slope in slopes.items() if m != INDUCTION}
    )
    caption = (
        f"**{title}.** Percent among unseen classes, mean ± standard deviation over {len(kept)} "
        "seeds. Slope: points for each 0.1 of a class's cosine to its nearest seen class; paired t "
        "tests, all corrected together. Rank correlation: of that cosine with accuracy, and its p, "
        f"for which the {len(nearest)} classes are the sample. With the same cosine of mean image "
        f"features it is {_correlation(nearest, visual)}."
    )
    frame = _distance_table(nearest, accuracy, slopes, steeper)
    tabled = Tabled(f"{name}-distance", frame, caption, kept, slopes=slopes)
    lead = accuracy[INDUCTION] - accuracy[IMAGINATION]
    trend = {m: f"{slopes[m].mean():+z.1f}" for m in (INDUCTION, IMAGINATION)}
    finding = (
        f"{title}: accuracy of each unseen class against the cosine to its nearest seen class "
        "(mean over seeds), and what GenZSL has over the cVAE (mean and standard deviation). "
        "Marks are classes, of these two methods alone; lines are least squares. For "
        f"each 0.1 of the cosine GenZSL's changes by {trend[INDUCTION]} points and the cVAE's by "
        f"{trend[IMAGINATION]}; the rank correlation of the lead is "
        f"{_correlation(nearest, lead.mean(0))}."
    )
    alt = (
        "Left: a point for each unseen class and method, accuracy over the cosine to the nearest "
        "seen class, with a straight line for each method. Right: GenZSL's accuracy less the "
        "cVAE's for each class, with a line at zero and a straight line through the points."
    )
    drawn = Drawn(f"{name}-distance", _figure(nearest, accuracy), finding, alt=alt)
    return Answered(tabled, drawn)


def _distance_table(
    nearest: np.ndarray,
    accuracy: Mapping[str, np.ndarray],
    slopes: Mapping[str, np.ndarray],
    steeper: Mapping[str, Difference],
) -> pd.DataFrame:
    is_near = nearest > np.median(nearest)
    rows = {
        method: {
            "T1": plus_minus(a.mean(1), ".1f"),
            "nearer half": plus_minus(a[:, is_near].mean(1), ".1f"),
            "farther half": plus_minus(a[:, ~is_near].mean(1), ".1f"),
            "slope": plus_minus(slopes[method], ".1f"),
            "slope, over GenZSL's": mean_and_word(steeper.get(method)),
            "rank correlation": _correlation(nearest, a.mean(0)),
        }
        for method, a in accuracy.items()
    }
    return pd.DataFrame(rows).T.rename_axis("method")


def without_relatives(records: Records, title: str, name: str) -> Tabled:
    """What is lost without an unseen class's relatives, beyond what as many others cost?"""
    kept = of_table(records, RELATIVES)
    frame = _losses(kept, {OTHERS_GONE: OTHERS_GONE, RELATIVES_GONE: RELATIVES_GONE})
    setup = kept[0]["scores"]["setup"]
    cosines = [f"{setup[f'nearest, {c}']:.2f}" for c in (OTHERS_GONE, RELATIVES_GONE)]
    caption = (
        f"**{title}.** T1 in percent, mean ± standard deviation over {len(kept)} seeds, trained "
        f"without {setup['gone']} seen classes: the {setup['relatives of each']} nearest of every "
        f"unseen class, or as many others. The mean cosine to the nearest seen class that is left "
        f"is {cosines[1]}, not {cosines[0]}. Paired t tests, all corrected together."
    )
    return Tabled(f"{name}-relatives", frame, caption, kept, of=("relatives", title))


def with_fewer_images(records: Records, title: str, name: str) -> Tabled:
    """What is lost with fewer training images a class, by induction, imagination, closed form?"""
    kept = of_table(records, IMAGES)
    one_in = sorted(kept[0]["scores"].keys() - {"lost"}, key=int)
    images = {n: kept[0]["scores"][n]["images"] for n in one_in}
    counts = {n: f"{x:.{int(x < 10)}f} images" for n, x in images.items()}
    frame = _losses(kept, counts)
    caption = (
        f"**{title}.** T1 in percent, mean ± standard deviation over {len(kept)} seeds, by how "
        "many training images a seen class has on average. Each network sees as many samples as "
        "with all images; nothing is chosen but the closed form's kernel. *Lost* is "
        "from the most images to the fewest. Paired t tests, all corrected together."
    )
    return Tabled(f"{name}-fewer-images", frame, caption, kept, of=("pictures", title))


def lost_at_a_glance(tables: Sequence[Study]) -> Tabled:
    """What does each method lose, by what is taken away and of which data?

    `tables` are those of `without_relatives` and `with_fewer_images`; others are left alone.
    """
    lost = {table.of: table.table()["lost"] for table in tables if hasattr(table, "of")}
    frame = pd.DataFrame({key: lost[key] for key in sorted(lost, reverse=True)}).T.fillna("")
    frame.index.names = ["taken away", "data"]
    text = (
        "Points of T1 that each method loses without relatives (beyond what as many other classes "
        "cost), and with few pictures: the columns *lost* above, each tested there."
    )
    return Tabled("lost", frame[in_order(frame)], text)


def _losses(kept: Records, conditions: Mapping[str, str]) -> pd.DataFrame:
    """Lay out T1 under each condition (-> its title), what is lost, and by whom more is."""
    methods = in_order(kept[0]["scores"]["lost"])
    t1 = {
        condition: {m: 100 * values(kept, ROW, condition, m, "T1") for m in methods}
        for condition in (*conditions, "lost")
    }
    lost = t1["lost"]
    gains = {("lost", m): lost[m] for m in methods}
    gains |= {("more", m): lost[m] - lost[INDUCTION] for m in methods if m != INDUCTION}
    told = results.differences_by(gains)
    rows = {
        method: {
            **{title: plus_minus(t1[c][method], ".1f") for c, title in conditions.items()},
            "lost": mean_and_word(told["lost", method], "significant", "significant"),
            f"lost, over {INDUCTION}'s": mean_and_word(told.get(("more", method)), "more", "less"),
        }
        for method in methods
    }
    return pd.DataFrame(rows).T.rename_axis("method")


def hybrids(records: Records, title: str, name: str) -> Tabled:
    """Is any threshold between induction and imagination better than both pure forms?

    The better pure form is the one with the higher mean on the test images, so that what a hybrid
    has over it is if anything too little.
    """
    kept = of_table(records, DISTANCE)
    found = kept[0]["scores"]["hybrid"]
    labels = sorted(found, key=lambda label: found[label]["threshold"])

    def scores(metric: str, label: str) -> np.ndarray:
        return values(kept, ROW, "hybrid", label, metric)

    def better(metric: str) -> np.ndarray:
        return 100 * max((scores(metric, pure) for pure in (INDUCED, IMAGINED)), key=np.mean)

    between = [label for label in labels if label not in (INDUCED, IMAGINED)]
    asked = [(metric, label) for metric in ("H", "T1") for label in between]
    over = results.differences_by({(m, n): 100 * scores(m, n) - better(m) for m, n in asked})
    chosen = [r["scores"]["chosen"] for r in kept]
    rows = {
        label: {
            "cosine from": f"{scores('threshold', label).mean():.2f}" if label in between else "",
            "unseen classes induced": f"{100 * scores('induced', label).mean():.0f} %",
            "H on validation": plus_minus(100 * scores("validation", label), ".1f"),
            "chosen": f"{chosen.count(label)} of {len(kept)}",
        }
        for label in labels
    }
    frame = pd.DataFrame(rows).T.rename_axis("hybrid")
    for metric in ("H", "T1"):
        gained = [mean_and_word(over.get((metric, label))) for label in labels]
        frame[metric] = [plus_minus(100 * scores(metric, label), ".1f") for label in labels]
        frame[f"{metric}, over the better pure form"] = gained
    caption = (
        f"**{title}.** GenZSL's features for classes from a cosine on, the cVAE's for all others: "
        f"percent, mean ± standard deviation over {len(kept)} seeds. The rows between leave so "
        "many of the validation classes to the cVAE. The better pure form has the higher mean; "
        "paired t tests, all corrected together."
    )
    return Tabled(f"{name}-hybrid", frame, caption, kept)


def _correlation(x: np.ndarray, y: np.ndarray) -> str:
    if not np.ptp(x) or not np.ptp(y):
        return "n/a"  # of what is all the same
    rho, p = spearmanr(x, y)
    return f"{rho:+.2f} ({f'p = {p:.2f}' if p >= 0.01 else 'p < 0.01'})"


def _figure(nearest: np.ndarray, accuracy: dict[str, np.ndarray]) -> Figure:
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.7), sharex=True)
    ends = np.array([nearest.min(), nearest.max()])
    for method, runs in accuracy.items():
        look = METHODS[method]
        if method in (INDUCTION, IMAGINATION):
            axes[0].plot(nearest, runs.mean(0), **{**look, "linestyle": ""}, alpha=0.7)
        fit = np.polyval(np.polyfit(nearest, runs.mean(0), 1), ends)
        line = "--" if method == NOISE else look["linestyle"]  # or it would hide GenZSL's
        axes[0].plot(ends, fit, **{**look, "linestyle": line, "marker": ""}, label=method)
    lead = accuracy[INDUCTION] - accuracy[IMAGINATION]
    spread = lead.std(0, ddof=1) if len(lead) > 1 else None
    axes[1].errorbar(nearest, lead.mean(0), spread, fmt="o", color="0.4", markersize=4, linewidth=1)
    axes[1].plot(ends, np.polyval(np.polyfit(nearest, lead.mean(0), 1), ends), color="0.1")
    axes[1].axhline(0, color="0.1", linewidth=0.8, linestyle=":")
    label = "cosine to the nearest seen class"
    axes[0].set(xlabel=label, ylabel="accuracy among unseen classes (%)", ylim=(-3, 103))
    axes[1].set(xlabel=label, ylabel="GenZSL less cVAE (points)")
    axes[1].margins(y=0.15)
    for height, words in ((0.97, "induction better"), (0.03, "imagination better")):
        side = "top" if height > 0.5 else "bottom"
        axes[1].text(0.98, height, words, transform=axes[1].transAxes, ha="right", va=side)
    plots.shared_legend(fig, axes[0], 5)
    return fig
