"""The models that are served, by name, and how they are replaced while requests go on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from classifier.errors import ClassifierError, ModelError
from classifier.model.model import Model
from classifier.model.store import load_model
from classifier.serving.http.settings import Source
from classifier.serving.score import model_folder

__all__ = ["Shelf", "Shelved"]

CARD = "README.md"
MAX_CARD_BYTES = 256 * 1024

log = logging.getLogger("classifier.serving")


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model that is served.

    Parameters
    ----------
    name : str
        What requests call it.
    model : Model
    source : Source
    card : str
        Markdown for people, empty when the folder has none.
    """

    name: str
    model: Model
    source: Source
    card: str = field(default="", repr=False)


class Shelf:
    """The models by name; a reload replaces all of the mapping at once.

    Parameters
    ----------
    sources : sequence of Source
        The first is the default model.

    Raises
    ------
    ModelError
        When a folder holds no sound model, or two have the same name.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.models: Mapping[str, Shelved] = _by_name(map(_loaded, sources))

    @property
    def default(self) -> Shelved:
        """The model that answers when a request names none."""
        return next(iter(self.models.values()))

    def find(self, name: str | None) -> Shelved | None:
        """Return the model of that name, the default for none."""
        return self.default if name is None else self.models.get(name)

    def reload(self) -> bool:
        """Load every folder again and return whether all went well.

        What cannot be loaded stays as it was, and the log says why. Requests under way keep
        the model they began with.
        """
        renewed = [_renewed(each) for each in self.models.values()]
        try:
            models = _by_name(new or old for new, old in renewed)
        except ModelError as error:
            log.error("reload: %s All models stay as they were.", error)
            return False
        self.models = models
        log.info("reload: serving %s", ", ".join(each.model.signature for each in models.values()))
        return all(new for new, _ in renewed)


def _renewed(old: Shelved) -> tuple[Shelved | None, Shelved]:
    try:
        return _loaded(old.source), old
    except (ClassifierError, OSError) as error:
        log.error("reload: %s stays as it was: %s", old.model.signature, error)
        return None, old


def _loaded(source: Source) -> Shelved:
    folder = model_folder(source.folder)
    # not mapped: a file that is cut short under a map ends the process
    model = load_model(folder, mmap=False)
    return Shelved(source.name or model.name, model, source, _card(folder / CARD))


def _card(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_CARD_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _by_name(shelved: Iterable[Shelved]) -> dict[str, Shelved]:
    models: dict[str, Shelved] = {}
    for each in shelved:
        if each.name in models:
            raise ModelError(
                f"two models are named '{each.name}' ({models[each.name].source.folder} and "
                f"{each.source.folder}). Name one of them: --model NAME=DIR."
            )
        models[each.name] = each
    return models
