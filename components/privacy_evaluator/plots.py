"""The plots of the report page, as inline SVG. Ink takes the colour of the page's text."""

import io
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.privacy_evaluator.report import Exposure, Membership

COLOURS = ("#2f6fde", "#d9622b", "#2e9e6b", "#9a5fd0")
_MARKERS = ("o", "s", "^", "D")
# Stand-in for the page's text colour while matplotlib draws.
_INK = "#010203"
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "tfx-privacy",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def exposure_plot(series: Sequence[tuple[str, Sequence[Exposure]]]) -> str:
    """Exposure against repetitions: a point per canary, a line through the medians, one colour per model."""
    with rc_context(_STYLE):
        figure, axes = _figure(height=3.5)
        for place, (name, groups) in enumerate(series):
            colour, marker = COLOURS[place % len(COLOURS)], _MARKERS[place % len(_MARKERS)]
            shift = 1.05 ** (2 * place - len(series) + 1)
            for group in groups:
                x = [group.repetitions * shift] * len(group.values)
                axes.plot(x, group.values, marker, color=colour, alpha=0.3, markersize=4, markeredgewidth=0)
            x = [group.repetitions * shift for group in groups]
            medians = [group.median for group in groups]
            axes.plot(x, medians, "-", marker=marker, color=colour, label=f"{name}: median")
        most = max(group.max_possible for _, groups in series for group in groups)
        axes.axhline(
            most, color=_INK, linewidth=1, linestyle="--", label=f"most that can show: {most:.1f} bits"
        )
        axes.axhline(1, color=_INK, linewidth=1, linestyle=":", label="chance: 1 bit")
        axes.set_xscale("log", base=2)
        ticks = sorted({group.repetitions for _, groups in series for group in groups})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlim(ticks[0] / 1.5, ticks[-1] * 1.5)
        axes.set_ylim(-0.3, most * 1.06)
        axes.set_xlabel("how often a canary was inserted")
        axes.set_ylabel("exposure in bits")
        _legend_above(axes)
        return _svg(figure, "Exposure of canaries by how often they were inserted")


def roc_plot(series: Sequence[tuple[str, Membership]]) -> str:
    """True against false positive rate of the membership attack, one colour per model."""
    with rc_context(_STYLE):
        figure, axes = _figure(height=3.5)
        for place, (name, membership) in enumerate(series):
            fpr, tpr = zip(*membership.roc, strict=True)
            label = f"{name}: AUC {membership.auc:.3f}"
            axes.plot(fpr, tpr, color=COLOURS[place % len(COLOURS)], linewidth=1.8, label=label)
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=1, linestyle=":", label="chance")
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        axes.set_xlabel("share of other rows taken for training rows")
        axes.set_ylabel("share of training rows found")
        _legend_above(axes)
        return _svg(figure, "Membership inference: true against false positive rate")


def _figure(*, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.6, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color=_INK, alpha=0.1, linewidth=0.6)
    return figure, axes


def _legend_above(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0, fontsize=9)


def _svg(figure: Figure, title: str) -> str:
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
