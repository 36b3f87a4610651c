"""Everything that can be chosen about an audit, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from classifier.errors import SettingsError

__all__ = ["AuditSettings"]


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """From when on something is a finding.

    Parameters
    ----------
    similarity : float
        Jaccard similarity of word 5-grams from which articles are near-duplicates, above 0 and
        up to 1.
    repeats : int
        Articles of one outlet in which a line stands from which it is boilerplate, at least 2.
    short_words, long_words : int
        Articles with fewer or with more words are named.
    labels : bool
        Whether labels are judged by cross-validation, which takes most of the time.
    seed : int
        Of the folds and of the signatures.
    jobs : int
        Labels fitted at once; changes only the time.
    """

    similarity: float = 0.7
    repeats: int = 5
    short_words: int = 50
    long_words: int = 5000
    labels: bool = True
    seed: int = 0
    jobs: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.similarity <= 1:
            raise SettingsError(
                f"similarity is {self.similarity}. Choose one above 0 and up to 1, such as 0.7."
            )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise SettingsError(f"{name} is {value}. Choose {least} or more.")


_LEAST = {"repeats": 2, "short_words": 0, "long_words": 1, "seed": 0, "jobs": 1}
