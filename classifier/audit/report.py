"""Sections as plain text, as Markdown and as one HTML page."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from classifier.audit.audit import Audit
from classifier.audit.findings import Group, LabelCounts
from classifier.audit.kept import Mention
from classifier.corpus.write import disarmed

__all__ = [
    "Row",
    "Section",
    "cut_section",
    "html_page",
    "listed",
    "markdown_page",
    "markdown_section",
    "named",
    "section_lines",
    "sections",
]


Row: TypeAlias = tuple[str, ...]
_NUMBER = re.compile(r"[\d.,]+")
# Articles of one group or kind that a row names.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of finding.

    Parameters
    ----------
    title : str
    says : tuple of str
        Sentences before the table.
    columns : tuple of str
        Heads of the table; empty when there is none.
    rows : tuple of tuple of str
        Cells as they came in: who shows them escapes them.
    alarm : bool
        Whether figures are wrong as long as this stands.
    """

    title: str
    says: tuple[str, ...]
    columns: Row = ()
    rows: tuple[Row, ...] = ()
    alarm: bool = False

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers alone."""
        return tuple(all(map(_NUMBER.fullmatch, column)) for column in zip(*self.rows, strict=True))


def cut_section(
    title: str,
    says: list[str],
    columns: Row,
    rows: Sequence[Row],
    shown: int,
    *,
    alarm: bool = False,
) -> Section:
    """Return the section with the first rows, and the sentence that says that there are more."""
    if len(rows) > shown:
        says = [*says, f"The first {shown:,} of {len(rows):,} rows:"]
    kept = tuple(rows[:shown])
    return Section(title, tuple(says), columns if kept else (), kept, alarm)


def named(articles: Sequence[Mention]) -> str:
    """Return the first articles by id, with their corpus where there are two."""
    several = len({each.corpus for each in articles}) > 1
    return listed(f"{each.corpus} {each}" if several else str(each) for each in articles)


def listed(names: Iterable[str]) -> str:
    """Return the first names with commas, and how many more there are."""
    iterator = iter(names)
    first = list(islice(iterator, NAMED))
    more = sum(1 for _ in iterator)
    return ", ".join(first) + (f" and {more:,} more" if more else "")


def sections(audit: Audit, *, shown: int = 10) -> tuple[Section, ...]:
    """Return what was found, tables cut to so many rows."""
    made = [build(audit, shown) for build in _SECTIONS]
    return tuple(section for section in made if section is not None)


def _overview(audit: Audit, shown: int) -> Section:
    summary, leaks = audit.summary, audit.leaks
    counts: dict[str, int | None] = {
        "articles": summary.n_articles,
        "labelled": summary.n_labelled,
        f"leaks into {audit.against}": None if leaks is None else leaks.n_articles,
        "conflicts": len(audit.conflicts),
        "identical to an earlier article": audit.duplicates.n_identical,
        "near-duplicate of an earlier article": audit.duplicates.n_near,
        "suspicious labels": None if audit.suspicious.note else len(audit.suspicious.found),
        "repeated lines": len(audit.lines),
        "damaged": len({each for damage in audit.damage for each in damage.articles}),
        "in another language": None if audit.languages.note else len(audit.languages.others),
        "empty": len(audit.lengths.empty),
    }
    rows = tuple((name, f"{n:,}") for name, n in counts.items() if n is not None)
    dates = f"Dates from {summary.first_date} to {summary.last_date}."
    says = (dates,) if summary.first_date else ("No article has a date.",)
    return Section(f"Audit of {audit.corpus}", says, ("finding", "count"), rows)


def _leaks(audit: Audit, shown: int) -> Section | None:
    leaks = audit.leaks
    if leaks is None:
        return None
    n = f"{leaks.n_articles:,} of {audit.summary.n_articles:,} articles"
    says = [
        f"{n} stand in {audit.against} too ({audit.n_against:,} articles), "
        f"{leaks.n_identical:,} of them word for word."
    ]
    if leaks.same_id:
        ids = listed(f"{here}" for here, _ in leaks.same_id)
        says.append(f"{len(leaks.same_id):,} ids name different texts in the two: {ids}.")
    rows = [_group_row(group) for group in leaks.groups]
    return cut_section("Leaks", says, _GROUP_COLUMNS, rows, shown, alarm=bool(leaks.groups))


def _conflicts(audit: Audit, shown: int) -> Section:
    rows = [
        (
            each.label,
            named(each.present),
            named(each.absent),
            (each.present + each.absent)[0].title,
        )
        for each in audit.conflicts
    ]
    says = [f"On {len(rows):,} labels near-duplicates disagree." if rows else _NONE]
    columns = ("label", "present in", "absent in", "title")
    return cut_section("Conflicts", says, columns, rows, shown, alarm=bool(rows))


def _duplicates(audit: Audit, shown: int) -> Section:
    found = audit.duplicates
    says = [
        f"{found.n_near:,} articles have a near-duplicate before them (similarity "
        f"{audit.settings.similarity:g} or more), {found.n_identical:,} of them word for word; "
        f"{len(found.groups):,} groups."
    ]
    rows = [_group_row(group) for group in found.groups]
    return cut_section("Duplicates", says, _GROUP_COLUMNS, rows, shown)


def _ids(audit: Audit, shown: int) -> Section | None:
    ids = audit.ids
    if not ids.n_missing and not ids.repeated:
        return None
    says = [f"{ids.n_missing:,} articles have no id; {len(ids.repeated):,} ids name several."]
    rows = [(id, f"{n:,}") for id, n in ids.repeated.items()]
    return cut_section("Ids", says, ("id", "articles"), rows, shown)


def _suspicious(audit: Audit, shown: int) -> Section:
    found = audit.suspicious
    rows = [
        (
            str(each.article),
            each.label,
            ("present" if each.present else "absent") + (", borderline" if each.borderline else ""),
            f"{each.probability:.3f}",
            each.article.title,
        )
        for each in found.found
    ]
    says = [f"Not judged: {found.note}." if found.note else _judged(found.n_cells, len(rows))]
    if found.left_out:
        says.append(f"Left out, with too few articles that have or lack them: "
                    f"{listed(found.left_out)}.")  # fmt: skip
    columns = ("article", "label", "corpus says", "probability", "title")
    return cut_section("Suspicious labels", says, columns, rows, shown)


def _judged(n_cells: int, n_found: int) -> str:
    return f"{n_found:,} of {n_cells:,} judged cells (an article and a label) should be read again."


def _lines(audit: Audit, shown: int) -> Section:
    gone = sum(line.n_left == 0 for line in audit.lines)
    says = [
        f"{len(audit.lines):,} lines stand in {audit.settings.repeats} or more articles of one "
        f"outlet; the text rules remove {gone:,} of them everywhere."
        if audit.lines
        else _NONE
    ]
    rows = [
        (line.source or "–", f"{line.n_articles:,}", f"{line.n_left:,}", line.excerpt)
        for line in audit.lines
    ]
    columns = ("outlet", "articles", "after the rules", "line, its start")
    return cut_section("Repeated lines", says, columns, rows, shown)


def _damage(audit: Audit, shown: int) -> Section:
    rows = [
        (each.kind, f"{len(each.articles):,}", f"{each.n_left:,}", named(each.articles))
        for each in audit.damage
    ]
    columns = ("damage", "articles", "after the rules", "such as")
    return cut_section("Damaged characters", [] if rows else [_NONE], columns, rows, shown)


def _languages(audit: Audit, shown: int) -> Section:
    found = audit.languages
    if found.note:
        return Section("Languages", (f"Not looked at: {found.note}.",))
    counts = listed(f"{language} {n:,}" for language, n in found.counts.items())
    says = [f"Articles per language: {counts or 'none'}; too short or mixed to tell: "
            f"{found.n_unsure:,}."]  # fmt: skip
    rows = [(str(each), language, each.title) for language, each in found.others]
    return cut_section("Languages", says, ("article", "language", "title"), rows, shown)


def _lengths(audit: Audit, shown: int) -> Section:
    lengths, settings = audit.lengths, audit.settings
    rows = [(name, f"{n:,}") for name, n in lengths.quantiles.items()]
    extremes = {
        "without a word": lengths.empty,
        f"with fewer than {settings.short_words:,} words": lengths.short,
        f"with more than {settings.long_words:,} words": lengths.long,
    }
    says = [
        f"{len(articles):,} {what}{': ' if articles else ''}{named(articles)}."
        for what, articles in extremes.items()
    ]
    return Section("Lengths", tuple(says), ("share of the articles", "words"), tuple(rows))


def _labels(audit: Audit, shown: int) -> Section:
    found = audit.labels
    if not found.labels:
        return Section("Labels", ("No article is labelled with anything.",))
    rows = [_label_row(found, k) for k in range(len(found.labels))]
    says = [f"{audit.summary.n_none:,} labelled articles have none of the labels."]
    columns = ("label", "present", "absent", "unknown", "alone", "most often with")
    return Section("Labels", tuple(says), columns, tuple(rows))


def _label_row(found: LabelCounts, k: int) -> Row:
    columns = (found.n_present, found.n_absent, found.n_unknown)
    return (
        found.labels[k],
        *(f"{column[k]:,}" for column in columns),
        f"{found.together[k][k]:,}",
        _companions(found.labels, found.together[k], k),
    )


def _companions(labels: Sequence[str], together: Sequence[int], k: int) -> str:
    """Return the three labels that a label most often stands with."""
    order = sorted(
        (j for j in range(len(labels)) if j != k and together[j]), key=lambda j: -together[j]
    )
    return ", ".join(f"{labels[j]} {together[j]:,}" for j in order[:3]) or "–"


_SECTIONS: tuple[Callable[[Audit, int], Section | None], ...] = (
    _overview,
    _leaks,
    _conflicts,
    _duplicates,
    _ids,
    _suspicious,
    _lines,
    _damage,
    _languages,
    _lengths,
    _labels,
)
_NONE = "None."
_GROUP_COLUMNS = ("articles", "identical", "which", "title")


def _group_row(group: Group) -> Row:
    same = "yes" if group.identical else "no"
    return f"{len(group.articles):,}", same, named(group.articles), group.articles[0].title


# Columns of a terminal that the last cell of a row may start at and still be worth showing.
LEAST_LAST = 20
# Characters with which running text would turn into markup.
_MARKUP = re.compile(r"([\\`*_\[\]|~])")


def section_lines(section: Section, *, width: int | None = None) -> Iterator[str]:
    """Yield a section as lines of plain text, heading first, harmless for a terminal.

    Parameters
    ----------
    width : int or None
        Columns; cells are cut to fit. ``None`` cuts nothing.
    """
    yield disarmed(section.title)
    for sentence in map(disarmed, section.says):
        yield from textwrap.wrap(sentence, width) if width else [sentence]
    if section.rows:
        yield from _table_lines(section, width)


def _table_lines(section: Section, width: int | None) -> Iterator[str]:
    cells = [[disarmed(cell) for cell in row] for row in (section.columns, *section.rows)]
    widths = _widths(cells, width)
    for row in cells:
        fitted = (
            _shortened(cell, size).rjust(size) if is_right else _shortened(cell, size).ljust(size)
            for cell, size, is_right in zip(row, widths, section.numeric, strict=True)
        )
        yield f"  {'  '.join(fitted)}".rstrip()


def _widths(cells: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Return the columns of each cell, the widest made smaller until all fit."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while width and sum(widths) + 2 * len(widths) > width and max(widths) > LEAST_LAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _shortened(cell: str, size: int) -> str:
    return cell if len(cell) <= size else f"{cell[: size - 1]}…"


def markdown_page(audit: Audit, *, shown: int = 10) -> str:
    """Return the audit as Markdown; no title or line can turn into markup."""
    head, *rest = sections(audit, shown=shown)
    blocks = [markdown_section(head, level=1), *map(markdown_section, rest)]
    return "\n\n".join(blocks) + "\n"


def markdown_section(section: Section, level: int = 2) -> str:
    """Return a section under a heading of that level."""
    blocks = [f"{'#' * level} {_marked(section.title)}"]
    if section.says:
        blocks.append(" ".join(map(_marked, section.says)))
    if section.rows:
        rules = ["---:" if number else "---" for number in section.numeric]
        rows = [section.columns, rules, *_marked_rows(section.rows)]
        blocks.append("\n".join(map(_markdown_row, rows)))
    return "\n\n".join(blocks)


def _marked_rows(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    for row in rows:
        yield [_marked(cell) for cell in row]


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _marked(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", html.escape(disarmed(text), quote=False))


def html_page(audit: Audit, *, shown: int = 50) -> str:
    """Return the audit as one HTML page.

    Raises
    ------
    ClassifierError
        When the extra ``report`` is not installed.
    """
    from classifier.pages.page import render_page, report_extra

    with report_extra():
        from classifier.pages.plots import heat_map

    labels = audit.labels.labels
    title = "Articles with both labels; on the diagonal, with this one alone"
    plot = heat_map(audit.labels.together, labels, labels, title=title) if labels else None
    head, *rest = sections(audit, shown=shown)
    return render_page(
        "audit.html", title=head.title, head=head, sections=rest, audit=audit, plot=plot
    )
