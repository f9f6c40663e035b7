"""Pictures drawn in advance, and a slider or a list to choose among them; no kernel is needed.

What is shown is one `<figure>`: a labelled control of the browser's own, and one `<img>`, which an
inline handler gives another frame. So there are no ids, no scripts to load, and where scripts are
taken out (as on GitHub) the first picture stands alone.
"""

import base64
import io
import json
import warnings
from collections.abc import Iterable, Iterator
from html import escape

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from zslnb.studies.style import SHOWN_DPI, check_readable

DPI, COLOURS = 150, 128  # sharp on a fine screen; a page of all frames must stay small
PNG = "data:image/png;base64,"
HANDLER = f"""
const all = this.closest('figure'), picture = all.querySelector('img');
const [value, seen, png] = JSON.parse(all.dataset.frames)[this.value];
picture.src = '{PNG}' + png; picture.alt = seen;
for (const shown of all.querySelectorAll('b')) shown.textContent = value;
if (this.type == 'range') this.setAttribute('aria-valuetext', value + ': ' + seen);
"""


class Slider:
    """Frames to look through: `_repr_html_` is what a notebook and the site show.

    Attributes:
        frames: (what the control says, what is seen: the alt text, the PNG in base64), in order.
    """

    def __init__(
        self,
        label: str,
        frames: Iterable[tuple[str, str, Figure]],
        start: int = 0,
        *,
        named: bool = False,
    ) -> None:
        """Draw all frames, and close their figures.

        Args:
            label: what is chosen, as a reader is to call it.
            frames: value, what is seen, and the figure; all figures of one size.
            start: which frame is shown first.
            named: values are names, to choose from a list; else they are steps of a slider.

        Raises:
            ValueError: fewer than two frames.
        """
        self.label, self.start, self.named = label, start, named
        words, drawn = [], []
        for value, seen, fig in frames:
            words.append((value, seen))
            drawn.append(_drawn(fig))
        if len(drawn) < 2:
            raise ValueError(f"A slider over {label} needs two frames or more; give it more.")
        self.frames = [(*said, png) for said, png in zip(words, _small(drawn), strict=True)]
        self._width, self._height = (side * SHOWN_DPI // DPI for side in drawn[0].size)

    def __repr__(self) -> str:
        return f"<Slider over {self.label}, {len(self.frames)} frames>"

    def _repr_html_(self) -> str:
        value, seen, png = self.frames[self.start]
        on_input = f'oninput="{escape(" ".join(HANDLER.split()))}" autocomplete="off"'
        if self.named:
            options = "".join(
                f'<option value="{i}"{" selected" * (i == self.start)}>{escape(name)}</option>'
                for i, (name, *_) in enumerate(self.frames)
            )
            control, current = f'<select {on_input} style="max-width:100%">{options}</select>', ""
        else:
            control = (
                f'<input type="range" min="0" max="{len(self.frames) - 1}" value="{self.start}" '
                f'aria-valuetext="{escape(f"{value}: {seen}")}" {on_input} '
                'style="width:20em;max-width:100%;vertical-align:middle">'
            )
            current = f" <b>{escape(value)}</b>"
        return (
            f'<figure style="margin:0" data-frames="{escape(json.dumps(self.frames))}">\n'
            f"<label>{escape(self.label)}: {control}</label>{current}<br>\n"
            f'<img src="{PNG}{png}" alt="{escape(seen)}" width="{self._width}" '
            f'height="{self._height}" style="max-width:100%;height:auto">\n</figure>'
        )


def _drawn(fig: Figure) -> Image.Image:
    stream = io.BytesIO()
    with warnings.catch_warnings():  # the figure beside it says so if letters are missing
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        fig.savefig(stream, dpi=DPI, format="png")
    check_readable(fig)
    plt.close(fig)
    return Image.open(stream).convert("RGB")


def _small(drawn: list[Image.Image]) -> Iterator[str]:
    """Write pictures as PNG, in base64, with one palette for all, or colours would flicker."""
    width, height = drawn[0].size
    strip = Image.new("RGB", (width, height * len(drawn)))
    for i, picture in enumerate(drawn):
        strip.paste(picture, (0, i * height))
    few = strip.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    for i in range(len(drawn)):
        stream = io.BytesIO()
        few.crop((0, i * height, width, (i + 1) * height)).save(stream, "png", optimize=True)
        yield base64.b64encode(stream.getvalue()).decode()
