"""A comparison as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator

from classifier.evaluation.compare_lines import (
    changed_tag_line,
    interval_text,
    left_out,
    number_text,
    share_text,
)
from classifier.evaluation.comparison import ArticleChange, Comparison
from classifier.evaluation.markdown_table import markdown_table, plain
from classifier.evaluation.metrics import Share

__all__ = ["comparison_markdown"]


def comparison_markdown(comparison: Comparison) -> str:
    """Return the whole comparison as Markdown; names from outside cannot add markup."""
    return "\n\n".join(_blocks(comparison)) + "\n"


def _blocks(comparison: Comparison) -> Iterator[str]:
    a, b = comparison.a, comparison.b
    yield f"# {plain(a.model)} against {plain(b.model)}"
    yield (
        f"{comparison.n_judged:,} of {comparison.n_articles:,} articles judged, "
        f"{comparison.n_separate:,} when near-duplicates count as one. "
        "Changes are those of B over A, with 95 % paired bootstrap intervals."
    )
    yield from _left_out(comparison)
    yield _figures(comparison)
    yield "## Labels"
    yield _labels(comparison)
    yield "## Articles"
    yield _turned(comparison)
    for name, changes in (("fixed", comparison.fixed), ("broken", comparison.broken)):
        if changes:
            yield f"### Strongest {name}"
            yield "\n".join(line for change in changes for line in _article(change))


def _left_out(comparison: Comparison) -> Iterator[str]:
    for what, labels in left_out(comparison):
        yield f"Left out, as {what} them: {', '.join(map(plain, labels))}."


def _figures(comparison: Comparison) -> str:
    a, b = comparison.a, comparison.b
    return markdown_table(
        ["", "A", "B", "change"],
        [
            ["micro-F1", *_numbers(a.micro_f1, b.micro_f1), interval_text(comparison.micro)],
            ["macro-F1", *_numbers(a.macro_f1, b.macro_f1), interval_text(comparison.macro)],
            ["articles without a label given one", *map(share_text, _false_tags(comparison)), ""],
            ["calibration error", *_numbers(a.calibration_error, b.calibration_error), ""],
            ["labels", f"{a.n_labels}", f"{b.n_labels}", ""],
            ["terms", f"{a.n_terms:,}", f"{b.n_terms:,}", ""],
            ["size", f"{a.n_bytes / 1e6:.1f} MB", f"{b.n_bytes / 1e6:.1f} MB", ""],
            [
                "articles a second",
                f"{a.articles_per_second:,.0f}",
                f"{b.articles_per_second:,.0f}",
                "",
            ],
        ],
    )


def _labels(comparison: Comparison) -> str:
    return markdown_table(
        ["label", "articles", "F1 A", "F1 B", "change", "fixed", "broken", "ECE A", "ECE B"],
        (
            [
                plain(row.label),
                f"{row.support:,}",
                *_numbers(row.f1_a, row.f1_b),
                interval_text(row.change),
                f"{row.fixed:,}",
                f"{row.broken:,}",
                *_numbers(row.calibration_error_a, row.calibration_error_b),
            ]
            for row in comparison.labels
        ),
    )


def _turned(comparison: Comparison) -> str:
    turned = comparison.turned
    counts = [turned.both_right, turned.fixed, turned.broken, turned.both_wrong]
    table = markdown_table(
        ["right in both", "fixed by B", "broken by B", "wrong in both"],
        [[f"{n:,}" for n in counts]],
    )
    return (
        f"{table}\n\nAn article is right when all its known labels are. Exact McNemar test: "
        f"p = {turned.p_value:.3g}."
    )


def _article(change: ArticleChange) -> Iterator[str]:
    name = plain(change.id or f"article {change.place}")
    yield f"- **{name}** {plain(change.title)}".rstrip()
    for letter, note in (("A", change.note_a), ("B", change.note_b)):
        if note:
            yield f"  - {letter}: {plain(note)}"
    for tag in change.tags:
        yield f"  - {plain(changed_tag_line(tag))}"


def _false_tags(comparison: Comparison) -> list[Share]:
    return [comparison.a.false_tags, comparison.b.false_tags]


def _numbers(*values: float) -> list[str]:
    return [number_text(value) for value in values]
