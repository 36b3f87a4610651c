"""A stream cut into blocks of whole lines, with memory bounded whatever the lines' length."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from classifier.corpus.open_text import is_utf8, open_text

__all__ = ["Block", "line_blocks", "utf8_bytes"]

BLOCK_BYTES = 2**19


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, or word of one that is too long to keep.

    Parameters
    ----------
    first : int
        Number of the first line, counted from 1.
    data : bytes
        The lines with their ends; only the last of a file may lack it.
    too_long : int
        Bytes of a line that was passed over; `data` is then empty.
    """

    first: int
    data: bytes
    too_long: int = 0


def line_blocks(
    read: Callable[[int], bytes], *, longest: int, size: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Yield all lines of a stream in order.

    Parameters
    ----------
    read : callable
        From a number of bytes to so many or fewer; none at the end.
    longest : int
        Lines of more bytes are passed over; at least `size`.
    size : int
        Bytes of a block, to which the rest of its last line comes.
    """
    number, begun, held = 1, list[bytes](), 0
    while piece := read(size):
        start = piece.find(b"\n") + 1
        if not start:
            held += len(piece)
            begun = [*begun, piece] if held <= longest else []
            continue
        if held + start - 1 > longest:
            yield Block(number, b"", held + start - 1)
            number, begun = number + 1, []
        else:
            start = 0
        end = piece.rfind(b"\n") + 1
        if end > start:
            data = b"".join([*begun, memoryview(piece)[start:end]])
            yield Block(number, data)
            number += data.count(b"\n")
        begun, held = [piece[end:]], len(piece) - end
    if held:
        yield Block(number, b"".join(begun), held if held > longest else 0)


@contextmanager
def utf8_bytes(stream: io.BufferedReader, encoding: str) -> Iterator[Callable[[int], bytes]]:
    """Give a function that reads `stream` as UTF-8 without a byte-order mark.

    Raises
    ------
    BadInputError
        If there is no such encoding.
    """
    if is_utf8(encoding):
        if stream.peek(3).startswith(codecs.BOM_UTF8):
            stream.read(3)
        yield stream.read
        return
    with open_text(stream, encoding=encoding, newline="\n") as text:
        # undecodable bytes, which might be UTF-8 together, stay apart and are told with their lines
        yield lambda size: text.read(size).encode("utf-8", "surrogatepass")
