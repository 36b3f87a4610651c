"""A report as tables for the terminal, drawn by rich there and by spaces elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from classifier.cli.terminal import echo_lines
from classifier.corpus.write import disarmed
from classifier.evaluation.evaluate import LABEL_COLUMNS, headline_rows, label_rows, subject
from classifier.evaluation.report import Report

__all__ = ["print_report"]

# Rows of labels that are printed.
MOST_LABELS = 40


def print_report(report: Report, *, on_screen: bool) -> None:
    """Print the figures of the whole and of every label, drawn by rich when `on_screen`."""
    whole, labels = headline_rows(report), label_rows(report)
    more = len(labels) - MOST_LABELS
    labels = labels[:MOST_LABELS]
    if on_screen:
        _draw(subject(report), whole, labels)
    else:
        echo_lines("\n".join([subject(report), "", *_aligned(whole), "", *_under(labels)]))
    if more > 0:
        echo_lines(f"… and {more:,} more labels; --format json has all of them")


def _under(rows: Iterable[Sequence[str]]) -> list[str]:
    return _aligned([LABEL_COLUMNS, *rows], right=True)


def _aligned(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[str]:
    """Return rows with their columns under each other, all but the first at the `right`."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        sides = zip(rest, widths[1:], strict=True)
        cells = [cell.rjust(width) if right else cell for cell, width in sides]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return lines


def _draw(title: str, whole: list[tuple[str, str]], labels: list[tuple[str, ...]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    figures = Table(box=None, show_header=False, pad_edge=False)
    for name, value in whole:
        figures.add_row(Text(name), Text(value, "bold" if name.startswith("micro") else ""))
    # one blank between columns and no frame, so that 80 columns hold it
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)
    for i, column in enumerate(LABEL_COLUMNS):
        table.add_column(column, justify="right" if i else "left", overflow="fold")
    for row in labels:
        table.add_row(*(Text(disarmed(cell)) for cell in row))
    Console().print(Text(disarmed(title)), "", figures, "", table, sep="\n")
