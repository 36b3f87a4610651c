"""What the service is started with: models, limits, and who may ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from classifier.errors import SettingsError

__all__ = ["Limits", "ServiceSettings", "Source"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may ask for, and how much is done at once in one process.

    Parameters
    ----------
    body_bytes : int
        Of a JSON body. Streams of lines may be longer; each of their lines may not.
    file_bytes : int
        Of a file that is read.
    text_chars : int
        Of an article's text, headline and id together.
    batch_articles : int
        In one JSON body.
    requests : int
        Whose body has come and that are under way at once; more are answered with 503.
    streams : int
        Streams of lines and files under way at once; more are answered with 429.
    connections : int
        Open at once; more are answered with 503.
    read_seconds : float
        For the headers of a request, for a JSON body, for the next line of a stream, and for a
        client to take what waits for it.
    answer_seconds : float
        For scoring one body.

    Raises
    ------
    SettingsError
        When one of them is not positive.
    """

    body_bytes: int = 8 * 2**20
    file_bytes: int = 50 * 2**20
    text_chars: int = 1_000_000
    batch_articles: int = 1000
    requests: int = 256
    streams: int = 4
    connections: int = 1000
    read_seconds: float = 10.0
    answer_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} is {getattr(self, name)}. Choose more than 0.")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model is loaded from.

    Parameters
    ----------
    folder : Path or None
        ``None`` is the shipped model.
    name : str
        What requests call it; empty for the model's own name.
    """

    folder: Path | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """All that the service needs to know.

    Parameters
    ----------
    sources : tuple of Source
        The first is the default.
    limits : Limits
    token : str
        What requests must bear; empty lets everyone in.
    feedback : Path or None
        JSONL that corrections are saved to; ``None`` takes none.
    cors_origins : tuple of str
        Origins of other sites whose pages may ask.
    hosts : tuple of str
        Names under which the service may be asked for; empty allows any. It keeps a page of
        another site from passing for this one by changing what its own name resolves to.
    log_text : bool
        Whether the log may hold text of articles.
    """

    sources: tuple[Source, ...] = (Source(),)
    limits: Limits = field(default_factory=Limits)
    token: str = field(default="", repr=False)
    feedback: Path | None = None
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    log_text: bool = False
