"""The quick way through JSONL: predictions are put into the lines, which stay as they were."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from classifier.archive.filters import Keep, keeping
from classifier.article import Article
from classifier.corpus.corpus import UNLABELLED, ReadOptions, ReadTally
from classifier.corpus.formats.jsonl import utf8_jsonl_rows
from classifier.corpus.open import Block
from classifier.corpus.read import reject_line
from classifier.corpus.rows import ArticleReader, BadRowError, Row
from classifier.corpus.write import PredictionFields, prediction_row, without_nan
from classifier.errors import BadInputError, SettingsError
from classifier.model.calibration import checked_floors
from classifier.model.model import Model
from classifier.model.prediction import Prediction

__all__ = [
    "Failure",
    "Progress",
    "Reject",
    "RunSummary",
    "TagOptions",
    "Tagger",
    "Tally",
    "check_options",
    "tag_block",
]


NUMBERS = ("read", "written", "untagged", "unjudged", "headlines")


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
    headlines : int
        Articles that are nothing but a headline.
    tags, rejects : Counter of str
        Articles by tag, and rejected rows by reason.
    missing : dict of str to str, optional
        What is wrong with each field that is named and in no row; ``None`` without rows. It is
        of one file while that is read.
    """

    read: int = 0
    written: int = 0
    untagged: int = 0
    unjudged: int = 0
    headlines: int = 0
    tags: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    missing: dict[str, str] | None = field(default=None, compare=False)

    def note(self, prediction: Prediction, *, kept: bool) -> None:
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
        if self.missing is None or other.missing is None:
            self.missing = other.missing if self.missing is None else self.missing
        else:
            self.missing = {
                part: self.missing[part] for part in self.missing.keys() & other.missing
            }

    def check_fields(self, file: str) -> None:
        """Raise `BadInputError` when a field that is named was in no row of a file."""
        for sentence in (self.missing or {}).values():
            raise BadInputError(f"{file}: {sentence}")

    def to_json(self) -> dict[str, object]:
        """Return the counts as JSON keeps them."""
        counters = {"tags": dict(self.tags), "rejects": dict(self.rejects)}
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return numbers | counters

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Tally:
        """Return what `to_json` made of a tally.

        Raises
        ------
        KeyError, TypeError, ValueError
            When it is nothing of the kind.
        """
        counters = {name: Counter(dict(values[name])) for name in ("tags", "rejects")}
        tally = cls(**{**values, **counters})
        counts = [getattr(tally, name) for name in NUMBERS]
        counts += [*tally.tags.values(), *tally.rejects.values()]
        if not all(type(count) is int for count in counts):
            raise TypeError("counts are whole numbers")
        return tally


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
            "headlines": tally.headlines,
            "tags": {label: tally.tags[label] for label in self.labels},
            "rejected": tally.rejects.total(),
            "reasons": dict(tally.rejects.most_common()),
            "articles_of_this_run": self.articles,
            "seconds": round(self.seconds, 3),
            "articles_a_second": round(self.rate, 1),
            "jobs": self.jobs,
            "workers_replaced": self.workers_replaced,
        }


BATCH_ROWS = 256
BATCH_CHARACTERS = 2**22
FORMATS = ("jsonl", "csv", "parquet")
MEGABYTE = 2**20
Reject = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class TagOptions:
    """What to read, and what to write of it.

    Parameters
    ----------
    reading : ReadOptions
        With ``on_error="skip"`` bad rows are set aside; else the first ends its file.
    thresholds : mapping of str to float
        Probabilities from which labels are given, instead of the model's own cuts.
    where : str
        Keep only what meets this condition; see `classifier.archive.filters.parse_where`.
    tags : tuple of str
        Keep only what was given one of these.
    carry : bool
        Write the row's own fields before those of the prediction, not its id alone.
    drop_text : bool
        Leave out the body.
    prefix : str
        Stands before the names of the fields that are added.
    format : str or None
        ``jsonl``, ``csv`` or ``parquet``; ``None`` is that of each file.
    max_line_mb : int
        Longer lines are bad rows, so that memory stays bounded.

    Raises
    ------
    SettingsError
        When `format` or `max_line_mb` means nothing.
    """

    reading: ReadOptions = field(default_factory=lambda: replace(UNLABELLED, on_error="skip"))
    thresholds: Mapping[str, float] = field(default_factory=dict)
    where: str = ""
    tags: tuple[str, ...] = ()
    carry: bool = True
    drop_text: bool = False
    prefix: str = ""
    format: str | None = None
    max_line_mb: int = 16

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise SettingsError(f"format is '{self.format}'. Choose one of {', '.join(FORMATS)}.")
        if not 1 <= self.max_line_mb <= 1024:
            raise SettingsError(f"max_line_mb is {self.max_line_mb}. Choose 1 to 1024.")

    @property
    def longest_line(self) -> int:
        """Bytes a line may have."""
        return self.max_line_mb * MEGABYTE

    def to_json(self) -> dict[str, object]:
        """Return all that decides what is written, as JSON keeps it."""
        values: dict[str, object] = json.loads(json.dumps(asdict(self), default=str))
        return values


def check_options(model: Model, options: TagOptions) -> Keep | None:
    """Return what tells whether a prediction is written, nothing when all are.

    Raises
    ------
    SettingsError, ModelError
        When the options name labels that the model has not, or thresholds that mean nothing.
    """
    # refuses wrong thresholds now rather than at the first article
    checked_floors(model.labels, options.thresholds, model.mode)
    if not options.where and not options.tags:
        return None
    return keeping(model.labels, where=options.where, tags=options.tags)


class Tagger:
    """A model with options, ready for rows.

    Parameters
    ----------
    model : Model
    options : TagOptions
    signature : str, optional
        What results call the model.

    Raises
    ------
    SettingsError, ModelError
        When the options name labels that the model has not.
    """

    def __init__(self, model: Model, options: TagOptions, signature: str = "") -> None:
        self.model, self.options = model, options
        self.signature = signature or model.signature
        self.keep = check_options(model, options)
        self.names = {
            name: options.prefix + name for name in ("tags", "scores", "coverage", "model", "note")
        }
        self._taken = frozenset(self.names.values() if options.carry else ())
        self._article_of = ArticleReader(options.reading)

    def tagged(
        self, rows: Iterable[Row], tally: Tally, reject: Reject
    ) -> Iterator[tuple[Row, Article, Prediction]]:
        """Yield the rows to write, in order; counts go to `tally`, bad rows to `reject`.

        Raises
        ------
        BadInputError
            At a row with a field that a prediction would replace, and at the first bad row unless
            the options say to skip those.
        """
        seen = ReadTally(tell=lambda note: None)
        # a new one, as it notes what is in these rows
        reader = ArticleReader(self.options.reading, seen)
        for batch in self._batches(rows):
            good = list(self._good(batch, reader, tally, reject))
            predictions = self.model.predict_stream(
                [article for _, article in good], thresholds=self.options.thresholds
            )
            for (row, article), prediction in zip(good, predictions, strict=True):
                kept = self.keep is None or self.keep(prediction)
                tally.note(prediction, kept=kept)
                if kept:
                    yield row, article, prediction
        tally.add(Tally(headlines=seen.headlines, missing=reader.missing()))

    def _batches(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Yield rows in lists that are bounded in number and in text."""
        batch, size = list[Row](), 0
        for row in rows:
            batch.append(row)
            size += sum(len(value) for value in row.values.values() if isinstance(value, str))
            if len(batch) == BATCH_ROWS or size > BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _good(
        self, rows: Iterable[Row], reader: ArticleReader, tally: Tally, reject: Reject
    ) -> Iterator[tuple[Row, Article]]:
        taken = self._taken
        for row in rows:
            try:
                if row.problem is not None:
                    raise row.problem
                if not taken.isdisjoint(row.values):
                    name = next(filter(row.values.__contains__, self.names.values()))
                    raise BadInputError(f"{row.place}: {clash(name)}")
                article = reader.read(row)
            except BadRowError as problem:
                if self.options.reading.on_error == "stop":
                    raise BadInputError(f"{row.place}: {problem}") from None
                tally.rejects[problem.kind] += 1
                reject(reject_line(row, problem, ascii=True))
            else:
                yield row, article

    def added(self, prediction: Prediction) -> dict[str, object]:
        """Return the fields that a prediction adds to its row."""
        row = prediction_row(prediction) | {"model": self.signature}
        return {own: row[name] for name, own in self.names.items() if name in row}

    def names_of(self, fields: Iterable[str]) -> dict[str, str | None]:
        """Return under which of the `fields` of a table text, headline and id stand."""
        shape = self._article_of.shape(dict.fromkeys(fields))
        return {"text": shape.text, "title": shape.title, "id": shape.id}

    def carried(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return the row's own fields that are written."""
        dropped = self._article_of.shape(values).text if self.options.drop_text else None
        return {name: value for name, value in values.items() if name != dropped}


def clash(name: str) -> str:
    """Return the sentence about a field that a prediction would replace."""
    return (
        f"the row has a field '{name:.40}' of its own. Name the added ones differently with "
        "--prefix, for example --prefix predicted_."
    )


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
        if (b"NaN" in line or b"Infinity" in line) and without_nan(row.values) != row.values:
            line = json.dumps(without_nan(row.values), ensure_ascii=False).encode()
        body = _body(line)
        written += (body[:-1], b", ", fields.inside(said).encode(), b"}", line[len(body) :], b"\n")
    return b"".join(written)


def _body(line: bytes) -> bytes:
    """Return a line that holds an object to its closing brace."""
    body = line.rstrip()
    # some of what Python takes for blank is none of ASCII
    return body if body.endswith(b"}") else line.decode().rstrip().encode()


def _without_text(tagger: Tagger, row: Row) -> str:
    kept = json.dumps(without_nan(tagger.carried(row.values)), ensure_ascii=False)
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
