"""A run on the terminal and on a page. Both are made of the same tables, and of ML Metadata alone."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import rich.box
import rich.table
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from components.pii.report import Report as ScrubReport
from components.privacy_evaluator.page import Column, Table, Verdict, render_page
from components.privacy_evaluator.report import Epsilon, PrivacyReport, to_number
from dpcore.accounting import rounded_up
from pipelines.records import Output, Run

if TYPE_CHECKING:
    from components.pii.files import Job

Survivors = Mapping[str, tuple[int, int]]
Scrubbed = Sequence[tuple["Job", ScrubReport | Exception]]


def steps_table(run: Run) -> Table:
    """The steps of a run: ran or cached, how long, rows in and out."""
    rows = []
    for step in run.steps:
        seconds = "" if step.state == "cached" else f"{step.seconds:.1f} s"
        rows.append((step.name, step.state, seconds, *_rows_in_and_out(run, step.name)))
    cached = sum(step.state == "cached" for step in run.steps)
    spent = sum(step.seconds for step in run.steps if step.state != "cached")
    note = f"{spent:.0f} s in all. {cached} of {len(run.steps)} steps came from the cache."
    return Table(title="Steps", header=("step", "state", "time", "rows in", "rows out"), rows=rows, note=note)


def runs_table(runs: Sequence[Run]) -> Table:
    """One line for each run."""
    rows = []
    for run in runs:
        report = run.privacy_report
        once = next((g.median for g in report.exposure if g.repetitions == 1), None) if report else None
        advantage = report.membership.advantage if report and report.membership else None
        rows.append(
            (
                run.id.partition(".")[0],
                _epsilon(report.epsilon) if report else "-",
                f"{report.target_delta:g}" if report else "-",
                _number(report.noise_multiplier) if report else "-",
                _number(report.steps) if report else "-",
                _number(once),
                "-" if advantage is None else f"{advantage:.3f}",
                {True: "blessed", False: "refused", None: "unfinished"}[run.blessed],
            )
        )
    header = ("run", "epsilon", "delta", "noise", "steps", "exposure", "adv.", "gate")
    note = "exposure: median of canaries inserted once, in bits (chance: 1). adv.: membership advantage."
    return Table(title="Runs", header=header, rows=rows, note=note)


def summary(run: Run) -> dict[str, Any]:
    """A run for programs: what is queried on, and the reports whole."""
    report, scrubbed = run.privacy_report, run.scrub_report
    return {
        "run": run.id,
        "pipeline": run.pipeline,
        "steps": {step.name: step.state for step in run.steps},
        "blessed": run.blessed,
        "reasons": run.reasons,
        "pushed_to": run.pushed_to,
        "recomputed_epsilon": _finite_or_word(run.recomputed_epsilon(report.target_delta))
        if report
        else None,
        "privacy_report": report.model_dump(mode="json") if report else None,
        "scrub_report": scrubbed.model_dump(mode="json") if scrubbed else None,
    }


def scrub_report_table(report: ScrubReport) -> Table:
    """What was replaced, by entity type."""
    rows = [(entity, f"{count:,}") for entity, count in report.findings.items()]
    return Table(title="Scrubbed", header=("entity", "replaced"), rows=rows)


def scrubbed_rows(results: Scrubbed) -> tuple[int, int]:
    """The rows in and out of all files that were scrubbed."""
    reports = [report for _, report in results if isinstance(report, ScrubReport)]
    return sum(report.rows_in for report in reports), sum(report.rows_out for report in reports)


def scrubbed_tables(results: Scrubbed, seconds: float) -> list[Table]:
    """What became of files: rows of each, and what was replaced and what was left in all of them."""
    rows: list[Sequence[str]] = []
    found: Counter[str] = Counter()
    residual: Counter[str] = Counter()
    base = os.path.commonpath([job.source.parent for job, _ in results])
    for job, report in sorted(results, key=lambda result: result[0].source):
        name = os.path.relpath(job.source, base)
        if isinstance(report, ScrubReport):
            found.update(report.findings)
            residual.update(report.residual)
            counts = (report.rows_in, report.rows_out, report.rows_rejected)
            rows.append((name, *(f"{count:,}" for count in counts)))
        else:
            rows.append((name, "failed", "", ""))
    rows_in, rows_out = scrubbed_rows(results)
    if len(rows) > 1:
        rows.append(("all", f"{rows_in:,}", f"{rows_out:,}", f"{rows_in - rows_out:,}"))
    files = Table(
        title="Files",
        header=("file", "rows in", "rows out", "rejected"),
        rows=rows,
        note=f"{rows_in / max(seconds, 1e-9):,.0f} rows a second, in {seconds:.1f} s.",
    )
    entities = [
        (entity, f"{found[entity]:,}", f"{residual[entity]:,}") for entity in sorted({*found, *residual})
    ]
    replaced = Table(
        title="Scrubbed",
        header=("entity", "replaced", "residual"),
        rows=entities,
        note="residual: what patterns still find in the output, at a lower threshold; look at some of it.",
    )
    return [files, replaced] if entities else [files]


def scrub_table(run: Run, survivors: Survivors | None = None) -> Table:
    """What was scrubbed, by entity type; and where the truth is known, what of it came through."""
    report = run.scrub_report
    found = Counter(report.findings) if report else Counter()
    table = scrub_report_table(report) if report else Table(title="Scrubbed", header=("entity",), rows=[])
    if survivors is not None:
        rows = [
            (entity, f"{found[entity]:,}", *(f"{n:,}" for n in survivors.get(entity, (0, 0))))
            for entity in sorted(found.keys() | survivors.keys())
        ]
        table = replace(table, header=("entity", "replaced", "generated", "survived"), rows=rows)
    columns = report.columns if report else {}
    done: dict[str, list[str]] = {}
    for name, column in sorted(columns.items()):
        if column.action != "keep":
            done.setdefault(column.action, []).append(name)
    note = " ".join(f"{action}: {', '.join(names)}." for action, names in sorted(done.items()))
    local = f" {report.local_statement}" if report and report.local_statement else ""
    return replace(table, note=note + local)


def specimen_table(run: Run) -> Table:
    """What the scrub makes of values that nobody has; no row of the data is shown."""
    shown = run.scrub_report.specimens if run.scrub_report else ()
    return Table(
        title="Before and after, on invented values",
        header=("column", "before", "after"),
        rows=[(one.column, one.before, one.after or "(empty)") for one in shown],
    )


def lineage_table(lineage: Sequence[tuple[Output, str]]) -> Table:
    """What the model was made from, nearest first."""
    rows = [(output.type.rpartition(".")[2], step, output.uri) for output, step in lineage]
    return Table(title="Lineage", header=("artifact", "made by", "where"), rows=rows)


def result_table(run: Run) -> Table:
    """What became of the model, number by number."""
    rows: list[tuple[str, str]] = []
    report = run.privacy_report
    if report is not None:
        rows = [
            ("accuracy", _share(report.utility.get("accuracy"))),
            ("epsilon", _epsilon(report.epsilon)),
            ("  recomputed from the ledger", _epsilon(run.recomputed_epsilon(report.target_delta))),
            ("  audited to be at least", _bound(report)),
            ("delta", f"{report.target_delta:g}"),
            ("noise multiplier", _number(report.noise_multiplier)),
            ("clip (L2 norm)", _number(report.l2_norm_clip)),
            ("sampling probability", _number(report.sampling_probability)),
            ("steps", _number(report.steps)),
        ]
        rows += [
            (
                f"exposure, inserted {group.repetitions}x",
                f"{group.median:.1f} of {group.max_possible:.1f} bits",
            )
            for group in report.exposure
        ]
        if report.membership is not None:
            rows.append(("membership advantage", f"{report.membership.advantage:.3f}"))
    rows.append(("pushed to", run.pushed_to or "not pushed"))
    return Table(title="Model", header=("", ""), rows=rows)


def verdict_text(run: Run) -> Text:
    """Blessed or refused, and why."""
    if run.blessed is None:
        return Text("NO VERDICT: the run did not reach the gate.", style="bold red")
    word, style = ("BLESSED", "green") if run.blessed else ("REFUSED", "red")
    text = Text(word, style=f"bold {style}")
    for reason in run.reasons:
        text.append(f"\n  - {reason}", style="default not bold")
    return text


def on_terminal(run: Run, *, survivors: Survivors | None = None, name: str = "") -> RenderableType:
    """Everything about a run that fits a terminal."""
    title = f"{name or 'run'} {run.id}"
    tables = [steps_table(run), scrub_table(run, survivors), result_table(run)]
    return Panel(
        Group(*map(as_rich, tables), verdict_text(run)), title=title, title_align="left", box=rich.box.ROUNDED
    )


def as_rich(table: Table) -> RenderableType:
    """A page's table as a terminal's."""
    titled = any(table.header)
    drawn = rich.table.Table(
        box=rich.box.SIMPLE_HEAD, show_header=titled, pad_edge=False, padding=(0, 1), collapse_padding=True
    )
    for number, head in enumerate(table.header):
        right = titled and number > 0 and head not in ("state", "made by", "where", "gate")
        drawn.add_column(head, justify="right" if right else "left", overflow="fold", no_wrap=head != "where")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    note = [Text(f"{table.note}\n", style="dim")] if table.note else []
    return Group(Text(table.title, style="bold"), drawn, *note)


def page(runs: Mapping[str, Run], *, survivors: Survivors | None = None, tables: Sequence[Table] = ()) -> str:
    """The page about one run, or about several side by side; what was scrubbed is the first one's."""
    first = next(iter(runs.values()))
    columns = [column for name, run in runs.items() if (column := _column(name, run)) is not None]
    shown = [scrub_table(first, survivors), specimen_table(first), *_all_steps(runs), *tables]
    facts = {"Pipeline": first.pipeline, "Run": first.id}
    return render_page(columns, title="Privacy of a training run", facts=facts, tables=shown)


def _all_steps(runs: Mapping[str, Run]) -> list[Table]:
    return [
        replace(steps_table(run), title=f"Steps of the run {name}" if len(runs) > 1 else "Steps")
        for name, run in runs.items()
    ]


def _column(name: str, run: Run) -> Column | None:
    if run.privacy_report is None:
        return None
    verdict = None
    if run.blessed is not None:
        said = {"checks" if run.blessed else "refusals": run.reasons}
        verdict = Verdict(blessed=run.blessed, **said)
    facts = {"Pushed to": run.pushed_to or "not pushed"}
    return Column(name=name, report=run.privacy_report, verdict=verdict, facts=facts)


def _rows_in_and_out(run: Run, step: str) -> tuple[str, str]:
    scrubbed = run.scrub_report
    if scrubbed is None:
        return "", ""
    if step == "ScrubbingExampleGen":
        rejected = f" ({scrubbed.rows_rejected:,} rejected)" if scrubbed.rows_rejected else ""
        return f"{scrubbed.rows_in:,}", f"{scrubbed.rows_out:,}{rejected}"
    if step == "CanaryInjector":
        added = run.canaries.get("rows_added", 0)
        return f"{scrubbed.rows_out:,}", f"{scrubbed.rows_out + added:,} ({added:,} canaries)"
    return "", ""


def _epsilon(epsilon: Epsilon | None) -> str:
    return "unknown" if epsilon is None else rounded_up(to_number(epsilon))


def _finite_or_word(epsilon: float | None) -> float | str | None:
    return "infinite" if epsilon == float("inf") else epsilon


def _bound(report: PrivacyReport) -> str:
    bound = report.epsilon_lower_bound
    return "not audited" if bound is None else f"{bound.value:.3g} (with {bound.confidence:.0%} confidence)"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
