"""What became of the articles of a run, counted while it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from classifier.corpus.write import Tagged

__all__ = ["Failure", "Progress", "RunSummary", "Tally"]

NUMBERS = ("read", "written", "untagged", "unjudged")


@dataclass(slots=True)
class Tally:
    """Counts of articles; several add up.

    Parameters
    ----------
    read : int
        Articles tagged.
    written : int
        Those of them that were kept.
    untagged, unjudged : int
        Articles without a tag, and those of them that the model could not judge.
    tags, rejects : Counter of str
        Articles by tag, and rejected rows by reason.
    """

    read: int = 0
    written: int = 0
    untagged: int = 0
    unjudged: int = 0
    tags: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)

    def note(self, prediction: Tagged, *, kept: bool) -> None:
        """Count one tagged article."""
        self.read += 1
        self.written += kept
        self.untagged += not prediction.tags
        self.unjudged += bool(prediction.note)
        for tag in prediction.tags:
            self.tags[tag] += 1

    def add(self, other: Tally) -> None:
        """Count what `other` counted too."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.tags += other.tags
        self.rejects += other.rejects

    def to_json(self) -> dict[str, object]:
        """Return the counts as JSON keeps them."""
        counters = {"tags": dict(self.tags), "rejects": dict(self.rejects)}
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return numbers | counters

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Tally:
        """Return what `to_json` made of a tally."""
        counters = {name: Counter(values[name]) for name in ("tags", "rejects")}
        return cls(**{**values, **counters})


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that has no result, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; bytes are those of the input files as they lie on the disk.

    Parameters
    ----------
    files, n_files : int
        Files finished, now or by an earlier run, and all files.
    articles : int
        Tagged by this run.
    done, n_bytes : int
        Bytes read by this run, and bytes there were to read for it.
    seconds : float
    """

    files: int
    n_files: int
    articles: int
    done: int
    n_bytes: int
    seconds: float

    @property
    def rate(self) -> float:
        """Articles a second."""
        return self.articles / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """What is left at the rate so far, unknown before anything was done."""
        return self.seconds * (self.n_bytes - self.done) / self.done if self.done else None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run over an archive did.

    Parameters
    ----------
    out : str
        The folder of the results.
    model : str
        Name and short hash.
    labels : tuple of str
    n_files, n_earlier : int
        Files with a result, and those of them that an earlier run had finished.
    failures : tuple of Failure
        Files without a result.
    passed_over : int
        Files of other kinds, and links that lead out of the archive.
    tally : Tally
        Over all files with a result.
    articles : int
        Tagged by this run.
    seconds : float
        Wall time of this run.
    jobs : int
    workers_replaced : int
        Worker processes that died.
    """

    out: str
    model: str
    labels: tuple[str, ...]
    n_files: int
    n_earlier: int
    failures: tuple[Failure, ...]
    passed_over: int
    tally: Tally
    articles: int
    seconds: float
    jobs: int
    workers_replaced: int

    @property
    def rate(self) -> float:
        """Articles a second of this run."""
        return self.articles / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, object]:
        """Return the summary as one JSON object, every label among its tags."""
        tally = self.tally
        return {
            "out": self.out,
            "model": self.model,
            "files": self.n_files,
            "files_of_earlier_runs": self.n_earlier,
            "passed_over": self.passed_over,
            "failures": [{"file": each.file, "reason": each.reason} for each in self.failures],
            "articles": tally.read,
            "written": tally.written,
            "untagged": tally.untagged,
            "unjudged": tally.unjudged,
            "tags": {label: tally.tags[label] for label in self.labels},
            "rejected": tally.rejects.total(),
            "reasons": dict(tally.rejects.most_common()),
            "articles_of_this_run": self.articles,
            "seconds": round(self.seconds, 3),
            "articles_a_second": round(self.rate, 1),
            "jobs": self.jobs,
            "workers_replaced": self.workers_replaced,
        }
