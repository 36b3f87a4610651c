"""What a model says of one article, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from classifier.errors import ModelError

__all__ = ["Contribution", "Explanation", "Prediction"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one term adds to the margin of one label; `count` is how often it was counted."""

    term: str
    count: int
    value: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a label was given or not: the contributions and the bias add up to the margin, exactly.

    Parameters
    ----------
    label : str
    margin, bias, cut : float
        The label is given from `cut` on; all three in the units of the linear model.
    contributions : tuple of Contribution
        Every known term of the article, the weightiest first.
    """

    label: str
    margin: float
    bias: float
    cut: float
    contributions: tuple[Contribution, ...]

    @property
    def raised(self) -> tuple[Contribution, ...]:
        """The terms that speak for the label, the strongest first."""
        return tuple(c for c in self.contributions if c.value > 0)

    @property
    def lowered(self) -> tuple[Contribution, ...]:
        """The terms that speak against the label, the strongest first."""
        return tuple(c for c in self.contributions if c.value < 0)


def _without_model() -> dict[str, Explanation]:
    raise ModelError("this prediction came without its model: explain it where it was made")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The tags of one article with their scores.

    Parameters
    ----------
    id : str
        The article's id.
    tags : tuple of str
        The labels given, the most probable first; often none.
    scores : mapping of str to float
        Calibrated probability of every label, in the model's order of labels.
    coverage : float
        Share of the article's words that the model knows, 0 to 1.
    model : str
        Name and short hash of the model that said so.
    note : str
        Why the model would not judge (too few words, another language), else empty.
    """

    id: str
    tags: tuple[str, ...]
    scores: Mapping[str, float]
    coverage: float
    model: str
    note: str = ""
    _explain: Callable[[], dict[str, Explanation]] = field(
        default=_without_model, repr=False, compare=False, kw_only=True
    )

    def explain(self) -> dict[str, Explanation]:
        """Return, per label, the terms that decided; computed when asked for.

        Raises
        ------
        ModelError
            When the prediction was pickled: it travels without model and text.
        """
        return self._explain()

    def __reduce__(self) -> tuple[object, ...]:
        values = (self.id, self.tags, dict(self.scores), self.coverage, self.model, self.note)
        return Prediction, values
