"""Rows in, rows with predictions out: what all ways through an archive share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace

from classifier.article import Article
from classifier.corpus.read_article import ArticleReader
from classifier.corpus.read_options import UNLABELLED, ReadOptions
from classifier.corpus.read_row import BadRowError, Row
from classifier.corpus.write import prediction_row
from classifier.errors import BadInputError, SettingsError
from classifier.model.model import Model
from classifier.model.prediction import Prediction
from classifier.serving.filters import keeping
from classifier.serving.run_summary import Tally

__all__ = ["Reject", "TagOptions", "Tagger", "reject_line"]

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
        Keep only what meets this condition; see `classifier.serving.filters.parse_where`.
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
        self.keep = keeping(model.labels, where=options.where, tags=options.tags)
        self.names = {
            name: options.prefix + name for name in ("tags", "scores", "coverage", "model", "note")
        }
        self._taken = frozenset(self.names.values() if options.carry else ())
        self._article_of = ArticleReader(options.reading)
        # refuses wrong thresholds now rather than at the first article
        model.predict([], thresholds=options.thresholds)

    def tagged(
        self, rows: Iterable[Row], tally: Tally, reject: Reject
    ) -> Iterator[tuple[Row, Article, Prediction]]:
        """Yield the rows to write, in order; counts go to `tally`, bad rows to `reject`.

        Raises
        ------
        BadInputError
            At the first bad row, unless the options say to skip those.
        """
        for batch in self._batches(rows):
            good = list(self._good(batch, tally, reject))
            predictions = self.model.predict_stream(
                [article for _, article in good], thresholds=self.options.thresholds
            )
            for (row, article), prediction in zip(good, predictions, strict=True):
                kept = self.keep is None or self.keep(prediction)
                tally.note(prediction, kept=kept)
                if kept:
                    yield row, article, prediction

    def _batches(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Yield rows in lists that are bounded in number and in text."""
        field, batch, size = self.options.reading.text_field, list[Row](), 0
        for row in rows:
            batch.append(row)
            text = row.values.get(field)
            size += len(text) if isinstance(text, str) else 0
            if len(batch) == BATCH_ROWS or size > BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _good(
        self, rows: Iterable[Row], tally: Tally, reject: Reject
    ) -> Iterator[tuple[Row, Article]]:
        article_of, taken = self._article_of, self._taken
        for row in rows:
            try:
                if row.problem is not None:
                    raise row.problem
                if not taken.isdisjoint(row.values):
                    raise self._clash(row.values)
                article = article_of(row.values)
            except BadRowError as problem:
                if self.options.reading.on_error == "stop":
                    raise BadInputError(f"{row.place}: {problem}") from None
                tally.rejects[problem.kind] += 1
                reject(reject_line(row, problem))
            else:
                yield row, article

    def _clash(self, values: Mapping[str, object]) -> BadRowError:
        taken = next(name for name in self.names.values() if name in values)
        return BadRowError("field is taken", clash(taken))

    def added(self, prediction: Prediction) -> dict[str, object]:
        """Return the fields that a prediction adds to its row."""
        row = prediction_row(prediction) | {"model": self.signature}
        return {own: row[name] for name, own in self.names.items() if name in row}

    def carried(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return the row's own fields that are written."""
        dropped = self.options.reading.text_field if self.options.drop_text else None
        return {name: value for name, value in values.items() if name != dropped}


def clash(name: str) -> str:
    """Return the sentence about a field that a prediction would replace."""
    return (
        f"the row has a field '{name:.40}' of its own. Name the added ones differently with "
        "--prefix, for example --prefix predicted_."
    )


def reject_line(row: Row, problem: BadRowError) -> str:
    """Return a bad row with the reason, as a line of JSON."""
    raw = row.raw if row.problem is not None else row.values
    entry = {"file": row.file, row.unit: row.line, "reason": str(problem), "row": raw}
    try:
        return json.dumps(entry, default=str) + "\n"
    except (RecursionError, ValueError):
        return json.dumps({**entry, "row": "nested too deeply to write"}) + "\n"
