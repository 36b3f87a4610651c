"""Everything that can be chosen about a training, as one frozen value."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import contains
from pathlib import Path
from typing import Any

from classifier.errors import SettingsError

__all__ = ["Settings", "read_settings"]


@dataclass(frozen=True)
class Settings:
    """How a model is trained. Where several values are given, cross-validation chooses one.

    Parameters
    ----------
    labels : {"several", "one"}
        Any number of labels an article, none included; or exactly one.
    C : tuple of float
        Candidates for the inverse strength of the penalty.
    C_per_label : bool
        Choose C for each label by itself rather than one for all.
    min_df : int
        Terms in fewer training articles are left out.
    lead_words : int
        How many tokens at the start (headline included) may count more often.
    lead_divisor : int
        The lead is at most one in so many of an article's tokens; 1 sets no such limit.
    lead_repeats : tuple of int
        Candidates for how many extra times the lead counts; 0 treats all text alike.
    bigrams : tuple of bool
        Candidates for whether pairs of neighbouring tokens are terms.
    pair_min_df : int
        Pairs in fewer training articles are left out.
    fold_plurals : bool
        Whether an English plural and its singular are one term.
    idf : {"bm25", "smooth"}
        Form of the inverse document frequency, see `inverse_document_frequencies`.
    ratio_power : tuple of float
        Candidates for how much less the terms are penalised that occur mostly with, or mostly
        without, a label, see `ratio_scales`; 0 penalises all alike. ``None`` takes 0.5 for any
        number of labels, and 0 for exactly one, as cross-validation does on public sets.
    borderline_weight : tuple of float
        Candidates for the weight of articles whose labeller hesitated.
    auxiliary_weight : tuple of float
        Candidates for the weight of each corpus without a natural sample.
    picked_weight : tuple of float
        Candidates for the weight, in common, of the articles of other corpora that are no natural
        sample of them.
    thresholds : {"expected-f1", "smoothed-f1", "micro-macro"}
        How cuts are chosen on out-of-fold scores.
    max_false_tags : float or None
        Largest share of held-out articles without a label that the cuts may let through.
        ``None`` sets 0.09 where at least a quarter of the articles have no label, as on a
        stream of all news, and no limit elsewhere.
    calibration : {"auto", "isotonic", "platt"}
        How margins become probabilities; "auto" takes isotonic from `isotonic_positives` on.
    isotonic_positives : int
    rare_positives : int
        Labels with fewer positive articles get a safe cut instead of one of their own.
    n_folds : int
    min_words : int
        Articles with fewer known words are not judged.
    min_coverage : float or None
        Articles with a smaller share of known words are not judged; ``None`` takes 0.7 times
        the median share among held-out articles.
    seed : int
    """

    labels: str = "several"
    C: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0)
    C_per_label: bool = False
    min_df: int = 2
    lead_words: int = 100
    lead_divisor: int = 5
    lead_repeats: tuple[int, ...] = (2, 0)
    bigrams: tuple[bool, ...] = (False,)
    pair_min_df: int = 2
    fold_plurals: bool = True
    idf: str = "bm25"
    ratio_power: tuple[float, ...] | None = None
    borderline_weight: tuple[float, ...] = (1.0, 0.5)
    auxiliary_weight: tuple[float, ...] = (0.6, 1.0)
    picked_weight: tuple[float, ...] = (0.3, 0.6)
    thresholds: str = "expected-f1"
    max_false_tags: float | None = None
    calibration: str = "auto"
    isotonic_positives: int = 50
    rare_positives: int = 1
    n_folds: int = 5
    min_words: int = 5
    min_coverage: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            wanted = f"one of {', '.join(choices)}"
            _check(name, (getattr(self, name),), partial(contains, choices), wanted)
        for name in ("C", "borderline_weight", "auxiliary_weight", "picked_weight"):
            _check(name, getattr(self, name), _is_number_above_zero, "above zero")
        if self.ratio_power is not None:
            _check("ratio_power", self.ratio_power, _is_share, "from 0 to 1")
        _check("bigrams", self.bigrams, _is_flag, "true or false")
        for name in ("C_per_label", "fold_plurals"):
            _check(name, (getattr(self, name),), _is_flag, "true or false")
        _check("lead_repeats", self.lead_repeats, _is_whole(0, 10), "a whole number, 0 to 10")
        words, divisor = (self.lead_words,), (self.lead_divisor,)
        _check("lead_words", words, _is_whole(0, 10_000), "a whole number, 0 to 10000")
        _check("lead_divisor", divisor, _is_whole(1, 1000), "a whole number, 1 to 1000")
        for name, least in _LEAST.items():
            wanted = f"a whole number, at least {least}"
            _check(name, (getattr(self, name),), _is_whole(least), wanted)
        for name in ("max_false_tags", "min_coverage"):
            if getattr(self, name) is not None:
                _check(name, (getattr(self, name),), _is_share, "from 0 to 1")

    @property
    def ratio_powers(self) -> tuple[float, ...]:
        """Candidates for `ratio_power`, also where none are given."""
        if self.ratio_power is not None:
            return self.ratio_power
        return (0.5,) if self.labels == "several" else (0.0,)

    @property
    def cut_rules(self) -> dict[str, Any]:
        """What `choose_thresholds` takes."""
        return {
            "rule": self.thresholds,
            "rare_positives": self.rare_positives,
            "max_false_tags": self.max_false_tags,
            "calibration": self.calibration,
            "isotonic_positives": self.isotonic_positives,
        }

    def to_json(self) -> dict[str, object]:
        """Return the settings as JSON types, for the manifest."""
        return dataclasses.asdict(self)


_CHOICES = {
    "labels": ("several", "one"),
    "idf": ("bm25", "smooth"),
    "thresholds": ("expected-f1", "smoothed-f1", "micro-macro"),
    "calibration": ("auto", "isotonic", "platt"),
}
_LEAST = {
    "min_df": 1,
    "pair_min_df": 1,
    "isotonic_positives": 1,
    "rare_positives": 0,
    "n_folds": 2,
    "min_words": 0,
    "seed": 0,
}


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number_above_zero(value: Any) -> bool:
    return not _is_flag(value) and 0 < value < math.inf


def _is_share(value: Any) -> bool:
    return not _is_flag(value) and 0 <= value <= 1


def _is_whole(least: int, most: float = math.inf) -> Callable[[object], bool]:
    return lambda v: type(v) is int and least <= v <= most


def _check(name: str, values: Sequence[object], holds: Callable[[Any], bool], wanted: str) -> None:
    if not values:
        raise SettingsError(f"{name} = []: at least one value is needed")
    for value in values:
        try:
            valid = holds(value)
        except TypeError:
            valid = False
        if not valid:
            raise SettingsError(f"{name} = {value!r}: must be {wanted}")


def read_settings(path: Path | str) -> Settings:
    """Return the settings in a TOML file; a single value stands for a list of one.

    Raises
    ------
    SettingsError
        When the file is not there or not TOML, or names a setting that does not exist.
    """
    try:
        with Path(path).open("rb") as stream:
            values = tomllib.load(stream)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    try:
        return settings_from(values)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def settings_from(values: Mapping[str, object]) -> Settings:
    """Return `Settings` with `values` in place of the defaults."""
    fields = {f.name: f for f in dataclasses.fields(Settings)}
    for name in values:
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(fields)}."
            raise SettingsError(f"there is no setting '{name}'.{hint}")
    return Settings(**{n: _in_form(n, fields[n].default, v) for n, v in values.items()})  # type: ignore[arg-type]


def _in_form(name: str, default: object, value: object) -> object:
    if isinstance(default, tuple) or (name == "ratio_power" and value is not None):
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    return value
