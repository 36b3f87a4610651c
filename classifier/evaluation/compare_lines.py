"""A comparison as lines for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from classifier.evaluation.comparison import (
    ArticleChange,
    ChangedTag,
    Comparison,
    LabelChange,
    TermChange,
)
from classifier.evaluation.intervals import Interval
from classifier.evaluation.metrics import Share

__all__ = ["changed_tag_line", "comparison_lines", "interval_text", "number_text", "share_text"]

TERMS_SHOWN = 5


def comparison_lines(comparison: Comparison) -> list[str]:
    """Return the whole comparison as lines of plain text; names in it are not yet disarmed."""
    return [
        *_heads(comparison),
        "",
        *_figures(comparison),
        "",
        *_labels(comparison.labels),
        "",
        *_turned(comparison),
    ]


def _heads(comparison: Comparison) -> Iterator[str]:
    for letter, side in (("A", comparison.a), ("B", comparison.b)):
        yield (
            f"{letter}  {side.model}: {side.n_labels} labels, {side.n_terms:,} terms, "
            f"{side.n_bytes / 1e6:.1f} MB, {side.articles_per_second:,.0f} articles a second"
        )
    yield (
        f"{comparison.n_judged:,} of {comparison.n_articles:,} articles judged, "
        f"{comparison.n_separate:,} when near-duplicates count as one"
    )
    for what, labels in left_out(comparison):
        yield f"left out, as {what} them: {', '.join(labels)}"


def left_out(comparison: Comparison) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield why labels are left out, in words before "them", and these labels."""
    for what, labels in (
        ("only A knows", comparison.only_a),
        ("only B knows", comparison.only_b),
        ("the corpus says nothing of", comparison.unjudged),
    ):
        if labels:
            yield what, labels


def _figures(comparison: Comparison) -> Iterator[str]:
    a, b = comparison.a, comparison.b
    yield f"{'':<24}{'A':>9}{'B':>9}   change (95 % interval)"
    for name, field in (("micro-F1", "micro"), ("macro-F1", "macro")):
        pair = _pair(getattr(a, f"{field}_f1"), getattr(b, f"{field}_f1"))
        yield f"{name:<24}{pair}   {interval_text(getattr(comparison, field))}"
    yield f"{'false tags':<24}{share_text(a.false_tags):>9}{share_text(b.false_tags):>9}"
    yield f"{'calibration error':<24}{_pair(a.calibration_error, b.calibration_error)}"


def _pair(a: float, b: float) -> str:
    return f"{number_text(a):>9}{number_text(b):>9}"


def _labels(labels: Sequence[LabelChange]) -> Iterator[str]:
    width = max(len("label"), *(len(row.label) for row in labels)) + 2
    yield (
        f"{'label':<{width}}{'articles':>9}{'F1 A':>9}{'F1 B':>9}   "
        f"{'change (95 % interval)':<28}{'fixed':>6}{'broken':>8}"
    )
    for row in labels:
        yield (
            f"{row.label:<{width}}{row.support:>9,}{_pair(row.f1_a, row.f1_b)}   "
            f"{interval_text(row.change):<28}{row.fixed:>6,}{row.broken:>8,}"
        )


def _turned(comparison: Comparison) -> Iterator[str]:
    turned = comparison.turned
    yield (
        f"articles all right in both {turned.both_right:,}, fixed by B {turned.fixed:,}, "
        f"broken by B {turned.broken:,}, wrong in both {turned.both_wrong:,}; "
        f"exact McNemar test p = {turned.p_value:.3g}"
    )
    for name, changes in (("fixed", comparison.fixed), ("broken", comparison.broken)):
        if changes:
            yield from ("", f"strongest {name}")
        for change in changes:
            yield from _article(change)


def _article(change: ArticleChange) -> Iterator[str]:
    yield f"  {change.id or f'article {change.place}'}  {change.title}".rstrip()
    for letter, note in (("A", change.note_a), ("B", change.note_b)):
        if note:
            yield f"    {letter}: {note}"
    for tag in change.tags:
        yield f"    {changed_tag_line(tag)}"


def changed_tag_line(tag: ChangedTag) -> str:
    """Return what happened to a tag and the terms that moved most, as one line."""
    verb = "given" if tag.given_b else "taken away"
    rightly = "rightly" if tag.given_b == tag.present else "wrongly"
    terms = ", ".join(map(_term, tag.terms[:TERMS_SHOWN]))
    # With the same terms behind it, only bias or cut can have changed the tag.
    why = terms or f"no term changed; cut {tag.cut.a:+.2f} → {tag.cut.b:+.2f}"
    return f"{tag.label} {rightly} {verb}, {tag.score.a:.2f} → {tag.score.b:.2f}: {why}"


def _term(change: TermChange) -> str:
    return f"{change.term} {change.a:+.2f} → {change.b:+.2f}"


def number_text(value: float) -> str:
    """Return three decimals, a dash for what nothing speaks for."""
    return f"{value:.3f}" if math.isfinite(value) else "–"


def share_text(share: Share) -> str:
    """Return a share in percent, a dash for one of nothing."""
    return f"{100 * share.value:.1f} %" if share.of else "–"


def interval_text(change: Interval) -> str:
    """Return a change with its sign and the bounds of its interval."""
    if not math.isfinite(change.estimate):
        return "–"
    return f"{_signed(change.estimate)} ({_signed(change.low)} to {_signed(change.high)})"


def _signed(value: float) -> str:
    # A change that rounds to nothing has no sign.
    return f"{value:+.3f}".replace("+0.000", "0.000").replace("-0.000", "0.000")
