"""The quick way through JSONL: predictions are put into the lines, which stay as they were."""

from __future__ import annotations

import json
from collections.abc import Iterable

from classifier.corpus.read_jsonl import utf8_jsonl_rows
from classifier.corpus.read_row import BadRowError, Row
from classifier.corpus.write_line import PredictionFields
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
    lines = block.data.split(b"\n")
    tagged = tagger.tagged(_rows(tagger, block, lines, file), tally, reject)
    fields = PredictionFields(tagger.names, tagger.signature)
    if not tagger.options.carry:
        return "".join([f"{fields.line(said)}\n" for _, _, said in tagged]).encode()
    if tagger.options.drop_text:
        kept = ((_without_text(tagger, row), fields.inside(said)) for row, _, said in tagged)
        return "".join([f"{head}{inside}}}\n" for head, inside in kept]).encode()
    written = list[bytes]()
    for row, _, said in tagged:
        line = lines[row.line - block.first]
        body = _body(line)
        written += (body[:-1], b", ", fields.inside(said).encode(), b"}", line[len(body) :], b"\n")
    return b"".join(written)


def _body(line: bytes) -> bytes:
    """Return a line that holds an object to its closing brace."""
    body = line.rstrip()
    # some of what Python takes for blank is none of ASCII
    return body if body.endswith(b"}") else line.decode().rstrip().encode()


def _without_text(tagger: Tagger, row: Row) -> str:
    kept = json.dumps(tagger.carried(row.values), ensure_ascii=False)
    return f"{kept[:-1]}{', ' if len(kept) > 2 else ''}"


def _rows(tagger: Tagger, block: Block, lines: Iterable[bytes], file: str) -> Iterable[Row]:
    if block.too_long:
        return [_too_long(block, file, tagger.options.max_line_mb)]
    encoding = tagger.options.reading.encoding
    return utf8_jsonl_rows(lines, file, encoding=encoding, first=block.first)


def _too_long(block: Block, file: str, max_line_mb: int) -> Row:
    problem = BadRowError(
        "line too long",
        f"a line of {block.too_long / MEGABYTE:,.1f} MB, longer than {max_line_mb} MB. Is this "
        "JSONL? If such lines are right, raise --max-line-mb.",
    )
    return Row(file, block.first, problem=problem)
