"""The quick way through JSONL: predictions are put into the lines, which stay as they were."""

from __future__ import annotations

import json
from collections.abc import Iterable

from classifier.corpus.read_row import BadRowError, Row
from classifier.corpus.read_rows import jsonl_rows
from classifier.model.prediction import Prediction
from classifier.serving.line_blocks import Block
from classifier.serving.run_summary import Tally
from classifier.serving.tagger import MEGABYTE, Reject, Tagger

__all__ = ["tag_block"]


def tag_block(tagger: Tagger, block: Block, file: str, *, tally: Tally, reject: Reject) -> bytes:
    """Return the lines of a block with their predictions.

    With `carry`, what `tagger` adds stands before a line's closing brace and the rest of the
    line is what it was, byte for byte, unless its text is dropped. Blank lines go.

    Parameters
    ----------
    tagger : Tagger
    block : Block
    file : str
        What messages call the file.
    tally : Tally
        Counted up.
    reject : callable
        Given each bad row as a line of JSON.
    """
    lines = block.data.decode("utf-8", "surrogateescape").split("\n")
    fields = _Fields(tagger)
    carry, drop = tagger.options.carry, tagger.options.drop_text
    written = []
    for row, article, prediction in tagger.tagged(_rows(tagger, block, lines, file), tally, reject):
        added = fields.of(prediction)
        if not carry:
            written.append(f'{{"id": {_quoted(article.id)}, {added}}}\n')
        elif drop:
            kept = json.dumps(tagger.carried(row.values), ensure_ascii=False)
            written.append(f"{kept[:-1]}{', ' if len(kept) > 2 else ''}{added}}}\n")
        else:
            line = lines[row.line - block.first]
            body = line.rstrip()
            written.append(f"{body[:-1]}, {added}}}{line[len(body) :]}\n")
    return "".join(written).encode()


def _rows(tagger: Tagger, block: Block, lines: list[str], file: str) -> Iterable[Row]:
    if block.too_long:
        return [_too_long(block, file, tagger.options.max_line_mb)]
    encoding = tagger.options.reading.encoding
    return jsonl_rows(lines, file, encoding=encoding, first=block.first)


def _too_long(block: Block, file: str, max_line_mb: int) -> Row:
    problem = BadRowError(
        "line too long",
        f"a line of {block.too_long / MEGABYTE:,.1f} MB, longer than {max_line_mb} MB. Is this "
        "JSONL? If such lines are right, raise --max-line-mb.",
    )
    return Row(file, block.first, problem=problem)


class _Fields:
    """Predictions as the inside of a JSON object; the same bytes as `json.dumps` makes."""

    def __init__(self, tagger: Tagger) -> None:
        names = {name: json.dumps(own, ensure_ascii=False) for name, own in tagger.names.items()}
        self._labels = {
            label: json.dumps(label, ensure_ascii=False) for label in tagger.model.labels
        }
        self._tags, self._scores, self._note = names["tags"], names["scores"], names["note"]
        self._coverage = names["coverage"]
        self._model = f"{names['model']}: {_quoted(tagger.signature)}"

    def of(self, prediction: Prediction) -> str:
        """Return what a prediction adds to its row."""
        labels = self._labels
        tags = ", ".join([labels[tag] for tag in prediction.tags])
        scores = ", ".join(
            [f"{labels[label]}: {round(p, 6)!r}" for label, p in prediction.scores.items()]
        )
        note = prediction.note and f", {self._note}: {_quoted(prediction.note)}"
        return (
            f"{self._tags}: [{tags}], {self._scores}: {{{scores}}}, "
            f"{self._coverage}: {round(prediction.coverage, 4)!r}, {self._model}{note}"
        )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
