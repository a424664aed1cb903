"""One self-contained HTML page about one model, or several side by side: no script, nothing loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import jinja2

from components.privacy_evaluator import plots
from components.privacy_evaluator.report import Epsilon, PrivacyReport
from dpcore.accounting import rounded_up


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate decided, with the reasons to refuse and what was checked and passed, in words."""

    blessed: bool
    refusals: Sequence[str] = ()
    checks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    """One model.

    Attributes:
      name: what tells it from the others, such as "with DP".
      report: its privacy report.
      verdict: the gate's; None where there was none.
      facts: further rows of the comparison, by name, such as its accuracy or where it was pushed to.
    """

    name: str
    report: PrivacyReport
    verdict: Verdict | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A further section. Every cell is text, and is escaped."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def render_page(
    columns: Sequence[Column],
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
    tables: Sequence[Table] = (),
) -> str:
    """Renders the page.

    Args:
      columns: the models, side by side.
      title: of the page.
      facts: about the run, such as its date and its data; shown under the title.
      tables: further sections, such as the steps of the run.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("components.privacy_evaluator", package_path=""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        columns=columns,
        title=title,
        facts=facts or {},
        tables=tables,
        numbers=_numbers(columns),
        exposure_plot=_exposure_plot(columns),
        roc_plot=_roc_plot(columns),
        colours=plots.COLOURS,
        epsilon_in_words=_epsilon,
    )


def _exposure_plot(columns: Sequence[Column]) -> str:
    series = [(column.name, column.report.exposure) for column in columns if column.report.exposure]
    return plots.exposure_plot(series) if series else ""


def _roc_plot(columns: Sequence[Column]) -> str:
    series = [(c.name, c.report.membership) for c in columns if c.report.membership is not None]
    return plots.roc_plot(series) if series else ""


def _numbers(columns: Sequence[Column]) -> list[tuple[str, list[str]]]:
    """The comparison: a row per number, with one cell per model."""
    rows: dict[str, Callable[[Column], str]] = {
        "Epsilon": lambda c: _epsilon(c.report.epsilon),
        "by PLD / by RDP": lambda c: f"{_epsilon(c.report.epsilon_pld)} / {_epsilon(c.report.epsilon_rdp)}",
        "Delta": lambda c: f"{c.report.target_delta:.3g}",
        "Audited: epsilon is at least": _lower_bound,
        "Privacy unit": lambda c: c.report.privacy_unit or "none",
        "Adjacency": lambda c: _words(c.report.neighboring_relation),
        "Noise multiplier": lambda c: _number(c.report.noise_multiplier),
        "Clip (L2 norm)": lambda c: _number(c.report.l2_norm_clip),
        "Sampling probability": lambda c: _number(c.report.sampling_probability),
        "Steps": lambda c: _number(c.report.steps),
        "Attempts charged": lambda c: str(c.report.attempts),
        "Median exposure": _exposure,
        "Membership advantage": _advantage,
        "Membership AUC": lambda c: _number(c.report.membership.auc if c.report.membership else None),
        "Accuracy on unseen rows": lambda c: _share(c.report.utility.get("accuracy")),
    }
    further = (name for column in columns for name in (*column.report.utility, *column.facts))
    named = dict.fromkeys(name for name in further if name != "accuracy")
    table = [(name, [cell(column) for column in columns]) for name, cell in rows.items()]
    return table + [(name, [_further(column, name) for column in columns]) for name in named]


def _further(column: Column, name: str) -> str:
    return column.facts[name] if name in column.facts else _number(column.report.utility.get(name))


def _lower_bound(column: Column) -> str:
    bound = column.report.epsilon_lower_bound
    if bound is None:
        return "not audited"
    return f"{bound.value:.2f} (with {bound.confidence:.0%} confidence)"


def _exposure(column: Column) -> str:
    groups = column.report.exposure
    if not groups:
        return "no canaries"
    shown = ", ".join(f"{group.median:.1f} at {group.repetitions}x" for group in groups)
    return f"{shown}; at most {groups[0].max_possible:.1f} bits can show"


def _advantage(column: Column) -> str:
    found = column.report.membership
    if found is None:
        return "not measured"
    return f"{found.advantage:.1%} (between {found.low:.1%} and {found.high:.1%})"


def _epsilon(epsilon: Epsilon) -> str:
    return "∞" if epsilon == "infinite" else rounded_up(epsilon)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"  # noqa: RUF001 (a dash is what is meant)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"  # noqa: RUF001


def _words(name: str | None) -> str:
    return "none" if name is None else name.replace("_", " ").lower()
