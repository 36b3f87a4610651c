"""One reader a repository: from its files to the articles in them, in a few lines each.

Every reader takes pairs of a path in the repository and the file's text, and yields articles whose
texts are those that were labelled. Only files with labelled articles are asked for, so no reader
chooses.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

from classifier.article import Article
from classifier.fields import day_of

__all__ = [
    "SEA_MEDIA_FILES",
    "Files",
    "Reader",
    "allsides",
    "bulwark",
    "csv_records",
    "felix",
    "gafam_cpi",
    "intl_news",
    "kremlin_news",
    "putin_zelenskyy",
    "sea_media",
    "trove_covid",
    "wh_briefings",
    "wikinews",
    "ww_newswire",
]

Files: TypeAlias = Iterable[tuple[str, str]]
Reader: TypeAlias = Callable[[Files], Iterator[Article]]

# The largest limit that fits a C long on every platform.
LONGEST_FIELD = 2**31 - 1
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def csv_records(lines: Iterable[str]) -> csv.DictReader[str]:
    """Return the records of a CSV file with a header, however long their fields are."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    return csv.DictReader(lines, restval="")


def _article(
    id: str, text: str, *, title: str = "", date: str = "", source: str = "", url: str = ""
) -> Article:
    """Return an article whose text has no runs of blanks and at most one empty line at a time."""
    text = re.sub(r"\n{3,}", "\n\n", text)
    text = re.sub(r"[ \t\xa0]+", " ", text).strip()
    return Article(text, title, id, source, date, extra={"url": url} if url else {})


def _numbered(files: Files) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the records of CSV files, each under its path and its number from 0."""
    for path, content in files:
        for number, record in enumerate(csv_records(io.StringIO(content))):
            yield f"{path}#{number}", record


def _front_matter(content: str) -> tuple[str, str]:
    """Return what stands between the two lines of dashes at the top, and the rest."""
    found = re.match(r"---\n(.*?)\n---\n?(.*)\Z", content, re.S)
    return (found[1], found[2]) if found else ("", content)


def _first(pattern: str, text: str) -> str:
    """Return the first group of the first match, or an empty string; ^ and $ are line ends."""
    found = re.search(pattern, text, re.M)
    return found[1] if found else ""


def _without_links(markdown: str) -> str:
    """Return Markdown without its images, and links as their words."""
    markdown = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", markdown)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown)


def _one_line_each(markdown: str) -> str:
    """Return paragraphs, which empty lines divide, as one line each."""
    paragraphs = re.split(r"\n\s*\n", markdown)
    lines = (re.sub(r"\s*\n\s*", " ", each).strip() for each in paragraphs)
    return "\n".join(filter(None, lines))


def _day(year: str, month: str, day: str) -> str:
    """Return a date as ``YYYY-MM-DD``, empty when the month, a name or a number, is none."""
    if not month.isdigit():
        name = month[:3].lower()
        month = str(MONTHS.index(name) + 1) if name in MONTHS else ""
    return f"{year}-{int(month):02}-{int(day):02}" if month else ""


def _host(url: str) -> str:
    return urlsplit(url).netloc.replace("www.", "")


def allsides(files: Files) -> Iterator[Article]:
    """Read ``data/jsons/ID.json``: one article a file."""
    for path, content in files:
        record = json.loads(content)
        yield Article(
            id=path.rpartition("/")[2].removesuffix(".json"),
            title=record["title"] or "",
            text=record["content_original"] or "",
            source=record["source"] or "",
            date=day_of(record["date"]) or day_of(record["date"], "%m/%d/%y") or "",
            extra={"url": record["url"] or ""},
        )


def ww_newswire(files: Files) -> Iterator[Article]:
    """Read text files whose first line is the address; day and title are those in the address."""
    for path, content in files:
        lines = content.replace("\r", "").lstrip().split("\n")
        has_address = re.match(r"https?://", lines[0])
        url = lines.pop(0).strip() if has_address else ""
        name = path.rpartition("/")[2]
        yield _article(
            path,
            "\n".join(lines),
            title=_slug_title(url),
            date=_day_in_path(url),
            source=_host(url) if url else name.rpartition("_")[0],
            url=url,
        )


def _day_in_path(url: str) -> str:
    found = re.search(r"/(20\d\d)[/-](\d{1,2})[/-](\d{1,2})(?:/|-|$)", url) or re.search(
        r"(20\d\d)(\d\d)(\d\d)\d{4}", url
    )
    return _day(*found.groups()) if found else ""


def _slug_title(url: str) -> str:
    """Return the words of an address's last part when there are at least four."""
    slug = re.sub(r"\.\w+$", "", urlsplit(url).path.rstrip("/").rpartition("/")[2])
    words = re.sub(r"[-_]+", " ", slug).strip()
    return words if slug.count("-") + slug.count("_") > 2 else ""


def kremlin_news(files: Files) -> Iterator[Article]:
    """Read pages of en.kremlin.ru: paragraphs of the body, the lead first if they lack it."""
    for path, page in files:
        paragraphs = "\n".join(_kremlin_paragraphs(page))
        lead = _spelled(_first(r'<meta name="description" content="([^"]*)"', page))
        if lead and lead[:60] not in paragraphs[:1500]:
            paragraphs = f"{lead}\n{paragraphs}"
        yield _article(
            path,
            paragraphs,
            title=_spelled(_first(r'<meta property="og:title" content="([^"]*)"', page)),
            date=_first(r'Publication date:\s*<time datetime="([\d-]+)"', page)
            or _first(r'ya:ovs:upload_date" content="([\d-]+)"', page),
            source="en.kremlin.ru",
            url=_first(r'<meta property="og:url" content="([^"]*)"', page),
        )


def _kremlin_paragraphs(page: str) -> Iterator[str]:
    opened = re.search(r'<div[^>]*itemprop="articleBody"[^>]*>', page)
    start = opened.end() if opened else len(page)
    end = page.find("read__bottommeta", start)
    body = page[start : end if end > 0 else len(page)]
    body = re.sub(r'<div class="(?:slider|media)\b.*?(?=<p\b)', "", body, flags=re.S)
    blocks = r"<(?:p|blockquote|li)\b[^>]*>(.*?)</(?:p|blockquote|li)>"
    for block in re.findall(blocks, body, re.S):
        paragraph = _without_tags(_without_tooltips(block))
        if paragraph not in ("", "<…>", "See also"):
            yield paragraph.replace("\n", " ")


def _spelled(attribute: str) -> str:
    return html.unescape(attribute).replace("\xa0", " ")


def _without_tooltips(markup: str) -> str:
    """Return markup without the notes on persons and terms, which are spans within spans."""
    kept, depth, start = [], 0, 0
    for tag in re.finditer(r'<span class="read__tooltip|<span\b|</span>', markup):
        if depth == 0 and tag[0].endswith("read__tooltip"):
            kept.append(markup[start : tag.start()])
            depth, start = 1, len(markup)
        elif depth > 0:
            depth += -1 if tag[0] == "</span>" else 1
            start = tag.end() if depth == 0 else start
    return "".join([*kept, markup[start:]])


def _without_tags(markup: str) -> str:
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", markup, flags=re.S)
    markup = re.sub(r"</(?:p|div|h\d)>|<br\s*/?>", "\n", markup)
    text = _spelled(re.sub(r"<[^>]+>", "", markup))
    return re.sub(r"\n\s*\n+", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def putin_zelenskyy(files: Files) -> Iterator[Article]:
    """Read two tables of press releases, one a president; a summary goes before the body."""
    for id, record in _numbered(files):
        source = "en.kremlin.ru" if "putin.csv#" in id else "president.gov.ua"
        summary = record.get("summary", "")
        lead = "" if summary in ("", "NA") else f"{summary}\n"
        yield _article(
            id,
            lead + record["body"],
            title=record["headline"],
            date=record["date"][:10],
            source=source,
            url=record["link"],
        )


@dataclass
class _Page:
    """What several files say of one address of a site."""

    url: str
    title: str = ""
    text: str = ""
    date: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return _host(self.url)

    @property
    def site(self) -> str:
        """The host, or the common name of Inquirer's many."""
        return "inquirer.net" if "inquirer" in self.host else self.host


# Lines below which nothing of the article follows, and lines between paragraphs that are none.
_END_OF_ARTICLE = re.compile(
    r"^(?:Do you like the content of this article\?|BANGKOK POST POLL|KEYWORDS|TAGS|Tags:"
    r"|MOST VIEWED|MOST READ|READ NEXT|Thanks for sharing!|Popular|Related Article"
    r"|More on this Topic)\s*$",
    re.M,
)
_NEWSLETTER_BOX = re.compile(
    r"\n(?:Viewpoint\nEvery Thursday|Morning Brief|Prospects|Starting Line|Tenggara Strategics)\n"
    r"(?:.*\n){1,25}?View More Newsletter(?:\n(?:.*\n){1,14}?View More Newsletter)?"
)
_STRAY_LINE = re.compile(r"\(?\d+\)?|A|-->|&nbsp;.*|PUBLISHED.*|\.")


# All but the largest files, so that what is counted is the same for everybody: they were not there
# when the articles were labelled.
SEA_MEDIA_FILES = tuple(
    f"data/processed_articles_{name}.json"
    for name in (
        "bk",
        "bk_classified",
        "bk_classified_with_types",
        "flp",
        "flp_",
        "flp__classified",
        "flp__classified_with_types",
        "flp_classified",
        "jkt",
        "jkt__classified_with_types",
        "jkt_classified",
        "jkt_globe",
        "jkt_globe_classified",
        "jkt_updated",
        "national_tl",
        "national_tl_classified",
        "st",
        "st_classified",
        "st_classified_with_types",
    )
)


def sea_media(files: Files) -> Iterator[Article]:
    """Read lists of pages of six sites; lines that a site repeats are its furniture, and go.

    How often a line occurs is counted over all files, so every one of them is needed.
    """
    pages: dict[str, _Page] = {}
    for _, content in files:
        for record in json.loads(content):
            _add_page(pages, record)
    n_pages: Counter[str] = Counter()
    n_lines: Counter[tuple[str, str]] = Counter()
    for page in pages.values():
        page.lines = [_spelled(line).strip() for line in _page_body(page).split("\n")]
        n_pages[page.site] += 1
        n_lines.update((page.site, line) for line in set(page.lines))
    for url in sorted(pages):
        page = pages[url]
        most = max(4, 0.04 * n_pages[page.site])
        yield _sea_article(
            page,
            [
                line
                for line in page.lines
                if line
                and not _STRAY_LINE.fullmatch(line)
                and (len(line) == 1 or n_lines[page.site, line] <= most)
            ],
        )


def _add_page(pages: dict[str, _Page], record: Mapping[str, object]) -> None:
    """Add what a record says; of several texts the longest counts, of the rest the first."""
    url = re.sub("^http:", "https:", str(record["url"]))
    page = pages.setdefault(url, _Page(url))
    content = record.get("content") or ""
    text = "\n".join(map(str, content)) if isinstance(content, list) else str(content)
    page.text = max(page.text, text, key=len)
    page.title = page.title or str(record.get("title") or "")
    page.date = page.date or str(record.get("date") or "")


def _page_body(page: _Page) -> str:
    """Return the text up to what follows every article, without Jakarta Post's newsletters."""
    end = _END_OF_ARTICLE.search(page.text, 600)
    text = page.text[: end.start()] if end else page.text
    if "jakartapost" not in page.host:
        return text
    page.title = page.title or _first_sentence(text[:1500].split("\n"))
    head, box, rest = text.partition("\nSubscribe\n")
    text = rest if box and len(head) < 3000 else text
    text = _NEWSLETTER_BOX.sub("\n", text)
    return re.sub(r"\A([A-Z])\n(?=\S)", r"\1", text.strip())


def _first_sentence(lines: Iterable[str]) -> str:
    return next((line for line in lines if len(line.split()) > 3), "")


def _sea_article(page: _Page, lines: list[str]) -> Article:
    # The Jakarta Post's own field is often the day on which it was collected.
    in_address = re.search(r"/(20\d\d)/(\d\d)/(\d\d)/", page.url)
    return _article(
        page.url,
        "\n".join(lines),
        title=page.title or _first_sentence(lines[:4])[:200],
        date=_day(*in_address.groups()) if in_address else page.date[:10],
        source=page.host,
        url=page.url,
    )


_INTL_FURNITURE = re.compile(
    r"^\s*(?:Related article|Fear & Greed Index|Markets|Latest Market News|Hot Stocks"
    r"|You've successfully subscribed.*|Subscribed|opt-out at any time\."
    r"|agree to receive content and promotional.*|By entering your email and clicking.*"
    r"|CLICK (?:HERE )?TO GET THE FOX NEWS APP.*|.*newsletter brings you stories.*"
    r"|Get the (?:latest updates|recap|stories|all).*|Get all the stories.*"
    r"|Most stock quote data provided by.*|© \d{4} Cable News Network.*)\s*$",
    re.M,
)
_CNN_NOTICE = re.compile(
    r"(?:Most stock quote data provided by BATS|© \d{4} Cable News Network\.).*\Z", re.S
)


def intl_news(files: Files) -> Iterator[Article]:
    """Read tables of five broadcasters, without their promotion lines and CNN's dateline."""
    for id, record in _numbered(files):
        text = _INTL_FURNITURE.sub("", record["Article_Content"].strip())
        text = _CNN_NOTICE.sub("", text).strip()
        text = re.sub(r"\A(?:[A-Z][\w .]*)?\(?CNN\)? ?— ", "", text)
        url = record["Link"].strip()
        yield _article(
            id,
            re.sub(r"\n\s*\n+", "\n", text),
            title=record["Headline"].strip(),
            date=_intl_day(record["Date"].strip(), url),
            source=record["Source"].strip(),
            url=url,
        )


def _intl_day(written: str, url: str) -> str:
    """Return the day in the address, or the one written as 7 Feb 2024 or Feb 7, 2024."""
    if found := re.search(r"/(20\d\d)/(\d\d)/(\d\d)/", url):
        return _day(*found.groups())
    if found := re.fullmatch(r"(\d{1,2}) ([A-Za-z]{3})\w* (20\d\d)", written):
        return _day(found[3], found[2], found[1])
    if found := re.fullmatch(r"([A-Za-z]{3})\w*\.? (\d{1,2}),? (20\d\d)", written):
        return _day(found[3], found[1], found[2])
    return ""


def felix(files: Files) -> Iterator[Article]:
    """Read Markdown with front matter; the outlet is the paper and the first category."""
    for path, content in files:
        head, body = _front_matter(content.replace("\r", ""))
        text = re.sub(r"<[^>]+>|\{\{.*?\}\}", "", _without_links(body))
        marks = r"(?<!\w)[*_]{1,3}|[*_]{1,3}(?!\w)|\\(?=\W)|^#+ |^> ?"
        text = re.sub(marks, "", text, flags=re.M)
        category = _first(r"^categories:\s*\n\s+-\s*(\S+)", head)
        yield _article(
            path,
            html.unescape(text),
            title=_felix_title(head),
            date=_felix_day(path.rpartition("/")[2]),
            source=f"felixonline/{category}",
        )


def _felix_title(head: str) -> str:
    """Return the title, which can be quoted, folded, and go on over indented lines."""
    written = _first(r"^title:\s*(?:[>|]-?\s*\n\s+)?(.*(?:\n  +(?! *-).*)*)", head)
    plain = re.sub(r"\s+", " ", written).strip().strip("'\"")
    return html.unescape(plain.replace("''", "'"))


def _felix_day(name: str) -> str:
    """Return the day at the head of a file's name, where some have day and month exchanged."""
    found = re.match(r"(\d{4})-(\d{1,2})-(\d{1,2})", name)
    if not found:
        return ""
    year, month, day = found.groups()
    return _day(year, day, month) if int(month) > 12 else _day(year, month, day)


def bulwark(files: Files) -> Iterator[Article]:
    """Read Markdown with front matter; a link in the last line is the article's address."""
    for path, content in files:
        head, body = _front_matter(content)
        body, _, last = body.rstrip().rpartition("\n")
        link = re.fullmatch(r"\[[^\]]*\]\((\S+)\)", last)
        text = _without_links(body if link else f"{body}\n{last}")
        text = re.sub(r"^[-=]{3,}\s*$", "", text, flags=re.M)
        text = _one_line_each(re.sub(r"[*_#]|\\(?=\W)", "", text))
        yield _article(
            path,
            html.unescape(text),
            title=_first(r'^title: "(.*)"\s*$', head).replace('\\"', '"'),
            date=_first(r'^date: "([\d-]{10})', head),
            source=_first(r'categories:\n\s+- "(.*?)"', head),
            url=link[1] if link else "",
        )


def gafam_cpi(files: Files) -> Iterator[Article]:
    """Read tables of news on technology firms and competition law, without their pointers."""
    pointers = r"^(?:Related|Read more|Want more news|Full Content|Subscribe|Click here).*$"
    for id, record in _numbered(files):
        text = re.sub(pointers, "", record["text"].strip(), flags=re.M | re.I)
        text = re.sub(r"\s*THIS ARTICLE IS NOT AVAILABLE.*\Z", "", text, flags=re.S)
        text = re.sub(r"\s*CONTINUE READING.*\Z", "", text, flags=re.S)
        day = re.match(r"(\w+) (\d+), (\d{4})", record["date"])
        yield _article(
            id,
            text,
            title=record["title"].strip(),
            date=_day(day[3], day[1], day[2]) if day else "",
            source="competitionpolicyinternational.com",
        )


def wikinews(files: Files) -> Iterator[Article]:
    """Read tables of Wikinews, without the day at the head of each text."""
    day = r"\s*(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [A-Z][a-z]+ \d{1,2}, \d{4}\s*"
    for id, record in _numbered(files):
        yield _article(
            id,
            re.sub(rf"\A{day}", "", record["text"]),
            title=record["title"],
            date=record["date"],
            source="en.wikinews.org",
            url=record["url"].replace("org//", "org/"),
        )


def wh_briefings(files: Files) -> Iterator[Article]:
    """Read Markdown with YAML front matter; the outlet is the site's section."""
    for path, content in files:
        head, body = _front_matter(content)
        text = re.sub(r"\\?###\s*\Z", "", _without_links(body).strip())
        yield _article(
            path,
            _one_line_each(re.sub(r"[*_#>]|\\(?=\W)", "", text)),
            title=_yaml_title(head),
            date=_first(r"(\d{4}-\d\d-\d\d)", path),
            source=f"whitehouse.gov/{path.partition('/')[0]}",
            url=_first(r"^(?:source_url|permalink):\s*(\S+)", head),
        )


def _yaml_title(head: str) -> str:
    """Return a title written bare, in single quotes, or in double quotes with escapes."""
    written = _first(r"^title:\s*(.*(?:\n  .*)*)", head)
    written = re.sub(r"\n\s+", " ", re.sub(r"\\\n\s*\\?", "", written)).strip()
    if written.startswith("'"):
        written = written.strip("'").replace("''", "'")
    elif written.startswith('"'):
        try:
            # two escapes that YAML knows and JSON does not
            written = json.loads(written.replace("\\_", "\\u00a0").replace("\\ ", " "))
        except ValueError:
            written = written.strip('"')
    return written.replace("\xa0", " ")


def trove_covid(files: Files) -> Iterator[Article]:
    """Read ``text/DATE-NAME-ID.txt``, which have no titles; the outlet is the name."""
    for path, content in files:
        name = path.rpartition("/")[2].removesuffix(".txt")
        who = re.sub(r"-\d+\Z", "", name[11:])
        yield _article(
            path,
            content.replace("\x0c", "\n"),
            date=name[:10],
            source=f"Australian Parliament press releases: {who}",
        )
