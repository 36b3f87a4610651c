"""Which field of a row is what, and what people have at hand as articles."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, filterfalse
from pathlib import PurePath
from typing import Any, TypeAlias, cast

from classifier.article import Article
from classifier.errors import BadInputError

__all__ = [
    "MISSING",
    "PARTS",
    "USUAL_NAMES",
    "Articles",
    "as_article",
    "as_articles",
    "day_of",
    "field_value",
    "inner_word",
    "is_abroad",
    "is_blank",
    "iter_articles",
    "other_field",
    "usual_field",
]


# What tables in other languages call the parts, in ranks, folded as names of columns are.
_ABROAD = {
    "text": (
        "artikeltext volltext fliesstext texto texto_completo cuerpo texte corps testo corpo "
        "tekst tresc brodtext brødtekst metin текст 正文 本文 본문",
        "inhalt contenido contenu contenuto conteudo inhoud innehall indhold innhold obsah "
        "icerik содержание 内容 내용",
    ),
    "title": (
        "titel titulo titre titolo tytuł tittel titulek название 标题 題名 タイトル 제목",
        "uberschrift ueberschrift schlagzeile titular encabezado kop nagłowek overskrift "
        "otsikko nadpis baslık заголовок 見出し",
    ),
    "source": (
        "quelle zeitung fuente medio fonte testata bron krant zrodło kalla kilde kaynak "
        "источник издание 来源",
    ),
    "date": (
        "veroffentlicht veroffentlicht_am veroffentlichungsdatum erscheinungsdatum "
        "erschienen_am fecha_de_publicacion fecha_publicacion date_de_publication "
        "date_publication date_de_parution data_di_pubblicazione data_de_publicacao "
        "data_publicacao data_publikacji publicatiedatum publiceringsdatum дата_публикации",
        "datum fecha дата tarih dato paivamaara 日期 日付 날짜",
    ),
    "labels": (
        "kategorie kategorien thema themen schlagworter schlagworte categorie etiquettes "
        "categoria categorias etiquetas tema temas etichette kategoria kategori etiketler "
        "onderwerp trefwoorden категория категории рубрика тема теги 类别 分类 标签",
    ),
}
_WORDS_ABROAD = frozenset(" ".join(chain.from_iterable(_ABROAD.values())).split())
# What each part of an article is usually called, in ranks: two names of one rank in one row
# leave it open which is meant, a name of an earlier rank decides.
_USUAL = {
    part: tuple(tuple(rank.split()) for rank in ranks)
    for part, ranks in {
        "text": (
            "text",
            "body content article maintext body_text bodytext articlebody full_text fulltext",
            "article_text article_body article_content",
            *_ABROAD["text"],
            *("news", "description", "lead_paragraph", "short_description summary", "abstract"),
            "data",
        ),
        "title": (
            *("title", "headline", "webtitle", "article_title articletitle"),
            *_ABROAD["title"],
        ),
        "id": (
            "id",
            "guid uuid _id",
            "article_id articleid artikel_id artikelid document_id doc_id",
        ),
        "source": (
            *("source", "outlet publisher publication source_domain", "domain"),
            *_ABROAD["source"],
        ),
        "date": (
            "date",
            "pubdate pub_date published published_at publishedat publication_date publish_date "
            "date_publish datepublished date_published webpublicationdate",
            *("seendate", "published_date publisheddate"),
            *_ABROAD["date"],
            "data",
        ),
        "labels": (
            "labels",
            "label tags topic topics category categories subject subjects sector sectors cats",
            "accept class class_index desk",
            *_ABROAD["labels"],
        ),
        "negative": ("negative",),
        "confidence": ("confidence",),
        "sample": ("sample",),
    }.items()
}
PARTS = tuple(_USUAL)
USUAL_NAMES = {part: [name for rank in ranks for name in rank] for part, ranks in _USUAL.items()}
MISSING = object()
# What people have as articles: one, many, or a data frame.
Articles: TypeAlias = Article | Mapping[str, Any] | Iterable[Any]
# A field of predictions, as this package adds them to a row, whose `tags` are no labels.
_PREDICTED = frozenset(("tags", "scores", "coverage", "model"))
# Texts in the languages whose word for the day is `data`, which is anything in others.
_BESIDE_A_DAY = frozenset(
    ("testo", "texto", "texto_completo", "contenuto", "conteudo", "corpo", "tresc")
)


def usual_field(names: Collection[str], part: str, *, own_only: bool = False) -> str | None:
    """Return the one of `names` that holds a part of the article, found case aside.

    Parameters
    ----------
    names : collection of str
        The fields of a row.
    part : str
        One of `PARTS`.
    own_only : bool
        Look for the name that this package writes alone, such as ``labels``.

    Raises
    ------
    BadInputError
        When several could be meant.

    Examples
    --------
    >>> usual_field(["ID", "Headline", "Body"], "title")
    'Headline'
    """
    ranks = _USUAL[part][:1] if own_only else _USUAL[part]
    if ranks[0][0] in names:
        return ranks[0][0]
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(_folded(name), []).append(name)
    if part == "labels" and _PREDICTED.issubset(folded):
        folded.pop("tags")
    if part == "date" and folded.keys().isdisjoint(_BESIDE_A_DAY):
        folded.pop("data", None)
    for rank in ranks:
        found = [name for usual in rank for name in folded.get(usual, ())]
        if len(found) > 1:
            listed = " and ".join((", ".join(map(repr, found[:-1])), repr(found[-1])))
            raise BadInputError(
                f"{listed} could each be the {part}. Name one: --{part}-field '{found[0]}'."
            )
        if found:
            return found[0]
    return None


def is_abroad(name: object) -> bool:
    """Return whether a field is called in another language than this package's.

    >>> is_abroad("Datum"), is_abroad("Résumé"), is_abroad("Date")
    (True, True, False)
    """
    return not str(name).isascii() or _folded(name) in _WORDS_ABROAD


def other_field(values: Mapping[str, object], part: str) -> str | None:
    """Return the first field by a usual name of a part that holds a string which is not blank.

    Examples
    --------
    >>> other_field({"content": None, "description": "The dam is full."}, "text")
    'description'
    """
    held = {_folded(n): n for n, v in values.items() if isinstance(v, str) and v.strip()}
    return next((held[name] for name in USUAL_NAMES[part] if name in held), None)


def _folded(name: object) -> str:
    """Return a name without case, accents, and the kind of its blanks."""
    word = str(name)
    if not word.isascii():
        apart = unicodedata.normalize("NFKD", word)
        word = unicodedata.normalize("NFC", "".join(filterfalse(unicodedata.combining, apart)))
    return word.strip().casefold().replace(" ", "_").replace("-", "_")


def field_value(values: Mapping[str, object], name: str | None) -> object:
    """Return what a row holds under a name, else under its way down, such as ``body.plain``.

    Returns
    -------
    object
        `MISSING` when there is no such field.
    """
    if name is None:
        return MISSING
    if name in values:
        return values[name]
    if "." not in name:
        return MISSING
    found: object = values
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return MISSING
        found = found[step]
    return found


# Where objects that stand for one word keep it: names, MongoDB's types, what WordPress renders.
_INNER = (
    *("value", "name", "label", "main", "$oid", "$date", "$numberLong"),
    *("rendered", "webTitle", "title", "term"),
)


def inner_word(value: object) -> object:
    """Return the one word that an object or a list of one stands for; all else as it is.

    Examples
    --------
    >>> inner_word({"$date": {"$numberLong": "1709287200000"}}), inner_word(["Dam fills up"])
    ('1709287200000', 'Dam fills up')
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        return inner_word(value[0]) if not isinstance(value[0], list | tuple) else value
    if isinstance(value, Mapping):
        for name in _INNER:
            inner = value.get(name)
            if isinstance(inner, Mapping):
                inner = inner_word(inner)
            if isinstance(inner, str | int | float) and not isinstance(inner, bool):
                return inner
    return value


def is_blank(value: object) -> bool:
    """Return whether `value` says nothing: ``None``, or a NaN or NA as data frames leave it."""
    if value is None or (isinstance(value, float) and value != value):
        return True
    return type(value).__name__ in ("NAType", "NaTType")


_ISO = r"(\d{4})([-/.])(\d\d?)\2(\d\d?)(?=$|[T Z+])|(\d{4})(\d\d)(\d\d)(?=$|T)"
# With dots the day is first wherever it is written so; with slashes it is not.
_DOTTED = r"(\d\d?)\.(\d\d?)\.(\d{4})(?=$|[T ,])"
_WRITTEN = ("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y")
# Seconds and milliseconds since 1970, from 1973 on; days as numbers (20240102) are smaller.
_SECONDS, _MILLISECONDS, _NO_TIME = 10**8, 10**11, 10**14


def day_of(value: object, date_format: str = "") -> str | None:
    """Return a date as ``YYYY-MM-DD``.

    Parameters
    ----------
    value : object
        A date, a number of seconds or milliseconds since 1970 (UTC), or a date as it is written
        in ISO 8601, RFC 822 (as in RSS), with the name of its month, or as 31.12.2024.
    date_format : str
        How dates are written otherwise, in the signs of `datetime.datetime.strptime`.

    Returns
    -------
    str or None
        Empty for nothing, ``None`` when the date is not understood.

    Examples
    --------
    >>> day_of("Fri, 01 Mar 2024 10:00:00 GMT"), day_of(1709287200), day_of("01/03/2024")
    ('2024-03-01', '2024-03-01', None)
    """
    if is_blank(value):
        return ""
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _written_day(str(value).strip(), date_format)


@lru_cache(maxsize=4096)
def _written_day(word: str, date_format: str) -> str | None:
    if not word:
        return ""
    if date_format:
        return _by_format(word, date_format)
    iso = re.match(_ISO, word)
    if iso:
        year, month, day = filter(str.isdigit, filter(None, iso.groups()))
        return _checked_day(int(year), int(month), int(day))
    if dotted := re.match(_DOTTED, word):
        day, month, year = dotted.groups()
        return _checked_day(int(year), int(month), int(day))
    number = re.fullmatch(r"\d{9,14}(?:\.\d+)?", word)
    if number:
        return _since_1970(float(word))
    found = _mail_day(word)
    return found or next(filter(None, (_by_format(word, form) for form in _WRITTEN)), None)


def _by_format(word: str, form: str) -> str | None:
    try:
        return datetime.datetime.strptime(word, form).date().isoformat()
    except ValueError:
        return None


def _checked_day(year: int, month: int, day: int) -> str | None:
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        return None


def _since_1970(number: float) -> str | None:
    if not _SECONDS <= number < _NO_TIME:
        return None
    seconds = number / 1000 if number >= _MILLISECONDS else number
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()


def _mail_day(word: str) -> str | None:
    from email.utils import parsedate

    # the month's name is asked for, as 01/03/2024 means different days to different people
    found = parsedate(word) if re.search(r"\d [A-Za-z]{3,} \d{4}", word) else None
    return _checked_day(*found[:3]) if found else None


def as_article(item: Any, *, where: str = "the article") -> Article:
    """Return what someone has as one article.

    Parameters
    ----------
    item : Article, str or mapping
        A mapping holds the text, and perhaps headline and id, under their usual names.
    where : str
        What messages call it.

    Raises
    ------
    BadInputError
        When it is something else.
    """
    if isinstance(item, Article):
        return item
    if isinstance(item, str):
        return Article(item)
    if isinstance(item, Mapping):
        return _from_mapping(item, where)
    raise BadInputError(
        f"{where} is {_shown(item)}. Pass a str, an Article, or a mapping with its 'text'."
    )


def iter_articles(
    items: Articles,
    *,
    name: str = "articles",
    read: Callable[[Mapping[str, Any], str], Article] | None = None,
) -> Iterator[Article]:
    """Yield what someone has as articles, one by one.

    Parameters
    ----------
    items : Article, str, mapping, data frame, or iterable of articles, strings or mappings
        A single one is one article. A frame gives an article a row.
    name : str
        What messages call it.
    read : callable, optional
        From one of several mappings, and what messages call it, to its article.

    Raises
    ------
    BadInputError
        When it, or one of it, is something else; the message says which.
    """
    if isinstance(items, Article | str | Mapping):
        yield as_article(items, where=name)
        return
    if isinstance(items, bytes | PurePath) or not hasattr(items, "__iter__"):
        hint = "read_articles(path) reads files." if isinstance(items, PurePath) else ""
        raise BadInputError(
            f"{name} is {_shown(items)}. Pass a list of texts or of Articles. {hint}".rstrip()
        )
    shape, rows = getattr(items, "shape", (0,)), cast("Any", items)
    if hasattr(items, "columns"):
        rows = rows.to_dict("records")
    elif len(shape) != 1:
        raise BadInputError(
            f"{name} has the shape {shape}. Pass one dimension, such as frame['text']."
        )
    for place, item in enumerate(rows):
        if read is not None and isinstance(item, Mapping):
            yield read(item, f"{name}[{place}]")
        else:
            yield item if type(item) is Article else as_article(item, where=f"{name}[{place}]")


def as_articles(items: Articles, *, name: str = "articles") -> list[Article]:
    """Return what someone has as articles in a list; see `iter_articles`."""
    return list(iter_articles(items, name=name))


def _from_mapping(values: Mapping[str, Any], where: str) -> Article:
    parts = ("text", "title", "id", "source", "date")
    try:
        names = {part: usual_field(values, part) for part in parts}
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from None
    if names["text"] is None:
        found = ", ".join(map(str, values)) or "nothing"
        raise BadInputError(f"{where} has no 'text' (found: {found}).")
    words = {part: values[name] for part, name in names.items() if name is not None}
    extra = {name: value for name, value in values.items() if name not in names.values()}
    try:
        return Article(**words, extra=extra)
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from None


def _shown(item: object) -> str:
    return f"{item!r:.60} ({type(item).__name__})" if item is not None else "None"
