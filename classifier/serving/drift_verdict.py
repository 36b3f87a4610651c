"""What a comparison of new articles with training found, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEVELS", "Drift", "Measure"]

LEVELS = ("as in training", "somewhat different", "different")


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing compared.

    Parameters
    ----------
    name : str
        ``coverage``, ``words``, ``margin of <label>``, ``tag <label>`` or ``terms``.
    training, here : float or None
        Medians, or for tags shares of articles; ``None`` where there is no single number.
    distance : float
        Population stability index; for terms the Jensen-Shannon divergence in bits.
    chance : float
        What the distance of a fair sample of this size stays below.
    allowed : tuple of float
        How far beyond chance "somewhat different" and "different" begin.
    reason : str
        The comparison in words.
    """

    name: str
    training: float | None
    here: float | None
    distance: float
    chance: float
    allowed: tuple[float, float]
    reason: str

    @property
    def level(self) -> int:
        """0 as in training, 1 somewhat different, 2 different."""
        return sum(self.distance > self.chance + allowed for allowed in self.allowed)


@dataclass(frozen=True, slots=True)
class Drift:
    """How new articles compare with those held out in training.

    Parameters
    ----------
    model : str
        Its name and short hash.
    n_articles, n_training : int
        New articles, and the held-out ones they are compared with.
    measures : tuple of Measure
    more_often : tuple of str
        The terms that set the new articles apart most, the strongest first.
    """

    model: str
    n_articles: int
    n_training: int
    measures: tuple[Measure, ...]
    more_often: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``as in training``, ``somewhat different`` or ``different``: that of the worst."""
        return LEVELS[max(measure.level for measure in self.measures)]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What differs, the worst first; empty when nothing does."""
        off = [measure for measure in self.measures if measure.level]
        off.sort(key=lambda m: (-m.level, -(m.distance - m.chance) / m.allowed[0]))
        return tuple(measure.reason for measure in off)

    def to_json(self) -> dict[str, object]:
        """Return everything as JSON types."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "model": self.model,
            "articles": self.n_articles,
            "training_articles": self.n_training,
            "measures": {
                m.name: {
                    "verdict": LEVELS[m.level],
                    "training": m.training,
                    "here": m.here,
                    "distance": round(m.distance, 4),
                    "chance": round(m.chance, 4),
                }
                for m in self.measures
            },
            "more_often": list(self.more_often),
        }
