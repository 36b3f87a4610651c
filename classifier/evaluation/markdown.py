"""A report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from classifier.evaluation.markdown_table import markdown_table
from classifier.evaluation.report import Report, WorstError
from classifier.evaluation.summary import (
    LABEL_COLUMNS,
    SLICE_COLUMNS,
    commonest_confusions,
    headline_rows,
    label_rows,
    number,
    slice_rows,
    subject,
    warnings,
)

__all__ = ["report_markdown"]

MOST_ERRORS = 20
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def report_markdown(report: Report) -> str:
    """Return the report as Markdown, with the 20 worst errors and no curves."""
    return "\n\n".join(_blocks(report)) + "\n"


def _blocks(report: Report) -> Iterator[str]:
    yield f"# {_plain(report.model.name)} on {_plain(report.corpus.name or 'a corpus')}"
    yield from (f"> **Mind:** {_plain(warning)}" for warning in warnings(report))
    yield f"{_plain(subject(report))}."
    yield _intervals(report)
    yield _table(("figure", "value"), headline_rows(report))
    yield "## Labels"
    yield _table(LABEL_COLUMNS, label_rows(report))
    for kind in ("outlet", "month", "length"):
        if rows := slice_rows(report, kind):
            yield f"## By {kind}"
            yield _table((kind, *SLICE_COLUMNS[1:]), rows)
    if pairs := commonest_confusions(report):
        yield "## Said where another was right"
        rows = [(each.said, each.right, f"{each.count:,}") for each in pairs]
        yield _table(("said", "right", "articles"), rows)
    if report.notes:
        yield "## Not judged"
        yield _table(("note", "articles"), [(n.note, f"{n.n_articles:,}") for n in report.notes])
    if report.worst_errors:
        yield "## Worst errors"
        yield from map(_error, report.worst_errors[:MOST_ERRORS])


def _intervals(report: Report) -> str:
    how = report.resampling
    if not how.repeats:
        return "No intervals: nothing was resampled."
    return (
        f"In brackets: {100 * how.level:.0f} % bootstrap intervals ({how.repeats:,} resamples, "
        f"seed {how.seed}), near-duplicates drawn together."
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return markdown_table(columns, ([_plain(cell) for cell in row] for row in rows))


def _error(error: WorstError) -> str:
    cut = f", cut {number(error.cut)}" if error.cut == error.cut else ""
    words = ", ".join(f"{t.term} {t.contribution:+.2f}" for t in error.terms)
    where = ", ".join(filter(None, (error.id, error.outlet, error.date)))
    verb = "missed" if error.kind == "missed" else "wrongly given"
    lines = [
        f"**{_plain(error.title or error.id or '(no title)')}** ({_plain(where or 'no id')})",
        f"{_plain(error.label)} {verb}: probability {number(error.probability)}{cut}"
        + (f" ({_plain(error.note)})" if error.note else ""),
        f"words: {_plain(words or 'none known')}",
        f"> {_plain(error.excerpt)}",
    ]
    return "\n\n".join(lines)


def _plain(text: str) -> str:
    """Return text from outside on one line, with nothing in it that Markdown reads."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
