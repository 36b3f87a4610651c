"""str → terms: the one reference tokeniser, shared by training, prediction and export."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TypeVar

__all__ = ["PLURALS", "TOKEN_PATTERN", "Analyzer", "fold", "fold_table", "singular"]

TOKEN_PATTERN = r"\w\w+"
_find_tokens = re.compile(TOKEN_PATTERN).findall
Item = TypeVar("Item")
_WORD = re.compile(r"\w+")

# Where str.lower leaves one letter as several terms: the dotted capital İ becomes two characters,
# of which the second ends a word; Σ depends on its neighbours; capital ẞ and ß are SS in headlines.
_SPECIAL = {"İ": "i", "Σ": "σ", "ς": "σ", "ẞ": "ss", "ß": "ss"}


def fold(text: str) -> str:
    """Return `text` in lower case, each character folded without regard to its neighbours.

    Unlike `str.lower`, ``İ`` folds to ``i``, every sigma to ``σ`` and ``ß`` to ``ss``, so that a
    headline in capitals and the body in small letters give the same terms.

    Examples
    --------
    >>> fold("İlham STRAẞE ΟΔΟΣ")
    'ilham strasse οδοσ'
    """
    if text.isascii():
        return text.lower()
    # Σ is replaced before lowering, because str.lower looks at its neighbours.
    text = text.replace("İ", "i").replace("Σ", "σ").lower()
    return text.replace("ς", "σ").replace("ß", "ss")


@cache
def fold_table() -> dict[int, str]:
    """Return `fold` as a table for `str.translate`, code point → replacement.

    It lets a pipeline without this package fold exactly as this package does.
    """
    lowered = {c: chr(c).lower() for c in range(sys.maxunicode + 1) if chr(c).lower() != chr(c)}
    return lowered | {ord(c): folded for c, folded in _SPECIAL.items()}


# Plural endings as patterns and what stands for them, in order; `singular` in other words.
PLURALS = ((r"(?<=\w{3})ies\b", "y"), (r"(?<=\w{3})(?<![uis])s\b", ""))


def singular(token: str) -> str:
    """Return an English plural without its ending, any other token as it is.

    A cautious form of the S-stemmer of Harman (JASIS, 1991): words of three letters and endings
    -ss, -us and -is stay.

    Examples
    --------
    >>> [singular(token) for token in ("policies", "talks", "gas", "congress", "crisis")]
    ['policy', 'talk', 'gas', 'congress', 'crisis']
    """
    if len(token) < 4 or token[-1] != "s":
        return token
    if len(token) > 5 and token.endswith("ies"):
        return token[:-3] + "y"
    return token if token[-2] in "uis" else token[:-1]


@dataclass(frozen=True, slots=True)
class Analyzer:
    """How prepared text becomes a sequence of terms.

    Parameters
    ----------
    lead_words : int
        Number of tokens at the start (headline and first sentences) that count more often.
    lead_repeats : int
        How many extra times the lead is counted; 0 treats all of the text alike.
    bigrams : bool
        Whether pairs of neighbouring tokens are terms as well.
    fold_plurals : bool
        Whether an English plural and its singular are one term.
    lead_divisor : int
        The lead is at most one in so many of the tokens, rounded up; 1 sets no such limit. A
        short text is not all lead.
    """

    lead_words: int = 0
    lead_repeats: int = 0
    bigrams: bool = False
    fold_plurals: bool = False
    lead_divisor: int = 1

    def words(self, text: str) -> list[str]:
        """Return the folded words of `text` in reading order, plurals as they stand."""
        return _find_tokens(fold(text))

    def token(self, word: str) -> str:
        """Return the token that a folded word counts as."""
        return singular(word) if self.fold_plurals else word

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of `text`, each once, in reading order."""
        words = self.words(text)
        return [singular(word) for word in words] if self.fold_plurals else words

    def spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield start, end and token of every word of `text`, for highlighting."""
        for match in _WORD.finditer(text):
            word = fold(match[0])
            if len(word) > 1:
                yield match.start(), match.end(), self.token(word)

    def lead_length(self, n_tokens: int) -> int:
        """Return how many of `n_tokens` tokens are the lead."""
        return min(self.lead_words, -(-n_tokens // self.lead_divisor))

    def weigh_lead(self, sequence: list[Item]) -> list[Item]:
        """Return `sequence` (tokens, or their ids) with its lead repeated before it."""
        return sequence[: self.lead_length(len(sequence))] * self.lead_repeats + sequence

    def pairs(self, tokens: list[str]) -> list[str]:
        """Return the terms that are pairs of neighbours, none when `bigrams` is off."""
        if not self.bigrams:
            return []
        return [f"{a} {b}" for a, b in pairwise(self.weigh_lead(tokens))]

    def terms(self, text: str) -> list[str]:
        """Return the terms of `text`, each as often as it counts."""
        tokens = self.tokens(text)
        return self.weigh_lead(tokens) + self.pairs(tokens)
