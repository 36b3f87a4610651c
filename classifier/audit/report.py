"""An audit as a document: one section a kind of finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from classifier.audit.audit import Audit
from classifier.audit.findings import Group, LabelCounts
from classifier.audit.kept import Mention
from classifier.errors import listed, number_of
from classifier.pages.document import Block, Document, Figure, Row, Section, Table, first_rows

__all__ = ["audit_document"]


# Articles of one group or kind that a row names.
NAMED = 5


def _named(articles: Sequence[Mention]) -> str:
    """Return the first articles by id, with their corpus where there are two."""
    several = len({each.corpus for each in articles}) > 1
    names = [f"{each.corpus} {each}" if several else str(each) for each in articles]
    return listed(names, most=NAMED)


def audit_document(audit: Audit, *, shown: int = 10, plots: bool = False) -> Document:
    """Return what was found, tables cut to `shown` rows.

    Raises
    ------
    ClassifierError
        When `plots` are asked for and the extra ``report`` is not installed.
    """
    made = [build(audit, shown) for build in _SECTIONS]
    made.append(_labels(audit, _label_plot(audit) if plots else ()))
    sections = tuple(section for section in made if section is not None)
    return Document("audit", f"Audit of {audit.corpus}", _overview(audit), sections)


def _label_plot(audit: Audit) -> tuple[Figure, ...]:
    from classifier.pages.plots import heat_map

    labels = audit.labels.labels
    if not labels:
        return ()
    title = "Articles with both labels; on the diagonal, with this one alone"
    plot = heat_map(audit.labels.together, labels, labels, title=title)
    return (Figure(plot, f"{title}."),)


def _section(title: str, says: list[str], *blocks: Block, alarm: bool = False) -> Section:
    """Return a section whose sentences are one paragraph before its tables."""
    paragraph = (" ".join(says),) if says else ()
    return Section(title, (*paragraph, *blocks), alarm)


def _overview(audit: Audit) -> tuple[Block, ...]:
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
    says = dates if summary.first_date else "No article has a date."
    return says, Table(("finding", "count"), rows)


def _leaks(audit: Audit, shown: int) -> Section | None:
    leaks = audit.leaks
    if leaks is None:
        return None
    n = f"{leaks.n_articles:,} of {audit.summary.n_articles:,} articles"
    says = [
        f"{n} stand in {audit.against} too ({number_of(audit.n_against, 'article')}), "
        f"{leaks.n_identical:,} of them word for word."
    ]
    if leaks.same_id:
        ids = listed([str(here) for here, _ in leaks.same_id], most=NAMED)
        name = number_of(len(leaks.same_id), "id names", "ids name")
        says.append(f"{name} different texts in the two: {ids}.")
    rows = [_group_row(group) for group in leaks.groups]
    return _section(
        "Leaks", says, *first_rows(_GROUP_COLUMNS, rows, shown), alarm=bool(leaks.groups)
    )


def _conflicts(audit: Audit, shown: int) -> Section:
    rows = [
        (
            each.label,
            _named(each.present),
            _named(each.absent),
            (each.present + each.absent)[0].title,
        )
        for each in audit.conflicts
    ]
    says = [f"On {number_of(len(rows), 'label')} near-duplicates disagree." if rows else _NONE]
    columns = ("label", "present in", "absent in", "title")
    return _section("Conflicts", says, *first_rows(columns, rows, shown), alarm=bool(rows))


def _duplicates(audit: Audit, shown: int) -> Section:
    found = audit.duplicates
    says = [
        f"{number_of(found.n_near, 'article has', 'articles have')} a near-duplicate before "
        f"{'it' if found.n_near == 1 else 'them'} (similarity "
        f"{audit.settings.similarity:g} or more), {found.n_identical:,} of them word for word; "
        f"{number_of(len(found.groups), 'group')}."
    ]
    rows = [_group_row(group) for group in found.groups]
    return _section("Duplicates", says, *first_rows(_GROUP_COLUMNS, rows, shown))


def _ids(audit: Audit, shown: int) -> Section | None:
    ids = audit.ids
    if not ids.n_missing and not ids.repeated:
        return None
    missing = number_of(ids.n_missing, "article has", "articles have")
    says = [f"{missing} no id; {number_of(len(ids.repeated), 'id names', 'ids name')} several."]
    rows = [(id, f"{n:,}") for id, n in ids.repeated.items()]
    return _section("Ids", says, *first_rows(("id", "articles"), rows, shown))


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
    says = [
        f"Not judged: {found.note}."
        if found.note
        else f"{len(rows):,} of {found.n_cells:,} judged cells (an article and a label) should be "
        "read again."
    ]
    if found.left_out:
        names = listed(found.left_out, most=NAMED)
        says.append(f"Left out, with too few articles that have or lack them: {names}.")
    columns = ("article", "label", "corpus says", "probability", "title")
    return _section("Suspicious labels", says, *first_rows(columns, rows, shown))


def _lines(audit: Audit, shown: int) -> Section:
    gone = sum(line.n_left == 0 for line in audit.lines)
    says = [
        f"{number_of(len(audit.lines), 'line stands', 'lines stand')} in "
        f"{audit.settings.repeats} or more articles of one outlet; the text rules remove {gone:,} "
        "of them everywhere."
        if audit.lines
        else _NONE
    ]
    rows = [
        (line.source or "–", f"{line.n_articles:,}", f"{line.n_left:,}", line.excerpt)
        for line in audit.lines
    ]
    columns = ("outlet", "articles", "after the rules", "line, its start")
    return _section("Repeated lines", says, *first_rows(columns, rows, shown))


def _damage(audit: Audit, shown: int) -> Section:
    rows = [
        (each.kind, f"{len(each.articles):,}", f"{each.n_left:,}", _named(each.articles))
        for each in audit.damage
    ]
    columns = ("damage", "articles", "after the rules", "such as")
    return _section(
        "Damaged characters", [] if rows else [_NONE], *first_rows(columns, rows, shown)
    )


def _languages(audit: Audit, shown: int) -> Section:
    found = audit.languages
    if found.note:
        return _section("Languages", [f"Not looked at: {found.note}."])
    counts = listed([f"{language} {n:,}" for language, n in found.counts.items()], most=NAMED)
    says = [f"Articles per language: {counts or 'none'}; too short or mixed to tell: "
            f"{found.n_unsure:,}."]  # fmt: skip
    rows = [(str(each), language, each.title) for language, each in found.others]
    columns = ("article", "language", "title")
    return _section("Languages", says, *first_rows(columns, rows, shown))


def _lengths(audit: Audit, shown: int) -> Section:
    lengths, settings = audit.lengths, audit.settings
    rows = [(name, f"{n:,}") for name, n in lengths.quantiles.items()]
    extremes = {
        "without a word": lengths.empty,
        f"with fewer than {settings.short_words:,} words": lengths.short,
        f"with more than {settings.long_words:,} words": lengths.long,
    }
    says = [
        f"{len(articles):,} {what}{': ' if articles else ''}{_named(articles)}."
        for what, articles in extremes.items()
    ]
    table = first_rows(("share of the articles", "words"), rows, len(rows))
    return _section("Lengths", says, *table)


def _labels(audit: Audit, plot: Sequence[Figure]) -> Section:
    found = audit.labels
    if not found.labels:
        return _section("Labels", ["No article is labelled with anything."])
    rows = tuple(_label_row(found, k) for k in range(len(found.labels)))
    none = number_of(audit.summary.n_none, "labelled article has", "labelled articles have")
    says = [f"{none} none of the labels."]
    columns = ("label", "present", "absent", "unknown", "alone", "most often with")
    return _section("Labels", says, Table(columns, rows), *plot)


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
    _leaks,
    _conflicts,
    _duplicates,
    _ids,
    _suspicious,
    _lines,
    _damage,
    _languages,
    _lengths,
)
_NONE = "None."
_GROUP_COLUMNS = ("articles", "identical", "which", "title")


def _group_row(group: Group) -> Row:
    same = "yes" if group.identical else "no"
    return f"{len(group.articles):,}", same, _named(group.articles), group.articles[0].title
