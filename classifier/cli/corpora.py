"""What the user calls a corpus: files, a folder, or the name of a published one."""

from __future__ import annotations

from pathlib import Path

from classifier.corpus.corpus import Corpus
from classifier.corpus.read_options import ReadOptions, ReadTally
from classifier.errors import CorpusError

__all__ = ["open_corpus"]


def open_corpus(
    name: str, reading: ReadOptions, tally: ReadTally, *, natural: bool = True
) -> Corpus:
    """Return the corpus at a path or of a name; a path wins.

    Raises
    ------
    CorpusError
        When `name` is neither a path nor a corpus, or that corpus was not fetched.
    BadInputError
        When nothing at the path can be read.
    """
    from classifier.corpus.fetch import CORPORA, load_corpus
    from classifier.corpus.read import read_articles

    is_path = name == "-" or Path(name).exists()
    if name in CORPORA and not is_path:
        return Corpus(name, load_corpus(name), natural=natural and CORPORA[name].natural)
    if not is_path:
        raise CorpusError(
            f"{name}: no such file or folder, and no corpus of that name. Check the spelling; "
            f"the corpora are {', '.join(CORPORA)}."
        )
    return Corpus(Path(name).stem, read_articles([name], reading, tally=tally), natural=natural)
