"""The page of the service: used in a browser as a reader would, against the real service."""

import csv
import io
import json
import re
import shutil
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from classifier.service.page import page_files
from tests.cases import cases
from tests.command_line import EXAMPLES, PATIENCE, ROWS, save_tiny, wait_for, write_rows
from tests.models import ENERGY_TEXT, MIXED_TEXT

pytest.importorskip("fastapi", reason="the page needs the service: pip install '.[test]'")
pytest.importorskip("uvicorn", reason="the page needs the service: pip install '.[test]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = Path(__file__).parent.parent / "classifier" / "service" / "page"
LONG = "x" * 201


@contextmanager
def serving(**settings):
    """Run the real service in a thread of this process; give its address."""
    import uvicorn

    from classifier.service.app import create_app
    from classifier.service.limits import ServiceSettings

    app = create_app(ServiceSettings(**settings))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return where the tiny model lies, and the file of corrections."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def open_service(folder):
    """Run a service with two models that takes corrections."""
    from classifier.service.limits import Source

    tiny = Source(save_tiny(folder / "tiny"))
    with serving(sources=(tiny, Source()), feedback=folder / "corrections.jsonl") as address:
        yield address


@pytest.fixture(scope="module")
def strict_service(folder):
    """Run a service with a token, tight limits and no corrections."""
    from classifier.service.limits import Limits, Source

    sources = (Source(save_tiny(folder / "strict")),)
    with serving(sources=sources, token="s3cret", limits=Limits(text_chars=200)) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """Start the system's Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


def watched(context, faults):
    """Return a page that adds errors of its script and of its content policy to `faults`."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda said: faults.extend([said.text] if "Content Security Policy" in said.text else []),
    )
    return page


def visit(page, address):
    """Go to the page and wait until it is there."""
    page.goto(address)
    page.locator("#examples button").first.wait_for()
    return page


@pytest.fixture
def new_page(browser):
    """Open pages of any kind; none may meet a fault."""
    contexts, faults = [], []

    def opened(address, **options):
        contexts.append(browser.new_context(reduced_motion="reduce", **options))
        return visit(watched(contexts[-1], faults), address)

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="module")
def wide(browser):
    """Open a window for most tests, as opening one takes longer than using it."""
    faults = []
    size = {"width": 1200, "height": 900}
    context = browser.new_context(reduced_motion="reduce", viewport=size, accept_downloads=True)
    yield watched(context, faults), faults
    context.close()


@pytest.fixture
def page(wide, open_service):
    """Load the page of the open service afresh; it may not meet a fault."""
    page, faults = wide
    yield visit(page, open_service)
    page.unroute_all(behavior="ignoreErrors")
    assert faults == []


def tag(page, text, title=""):
    """Type an article and have it tagged."""
    page.get_by_label("Headline").first.fill(title)
    page.get_by_role("textbox", name="Text").fill(text)
    page.get_by_role("button", name="Tag it", exact=True).click()
    page.locator("#single").wait_for()


def drop(page, name, content, kind="text/csv"):
    """Let a file fall on the page."""
    content = content.encode() if isinstance(content, str) else content
    data = page.evaluate_handle(
        """([name, content, kind]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(content)], name, { type: kind }));
            return data;
        }""",
        [name, list(content), kind],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": data})


def tag_table(page, name, content):
    """Drop a table, take its columns as found, and wait for the end."""
    drop(page, name, content)
    page.locator("#columns button").click()
    page.locator("#progress-label").wait_for(state="hidden")


def downloaded(page, button):
    """Return what a download button saves: name and text."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_text("utf-8-sig")


def texts(page, selector):
    """Return the words of all elements, blanks as one."""
    return [" ".join(words.split()) for words in page.locator(selector).all_inner_texts()]


def test_the_page_is_five_files():
    """Each has its address, its media type and its content."""
    files = page_files()

    assert {path: kind for path, (_, kind) in files.items()} == {
        "/": "text/html; charset=utf-8",
        "/page.css": "text/css; charset=utf-8",
        "/page.js": "text/javascript; charset=utf-8",
        "/icon.svg": "image/svg+xml",
        "/examples.json": "application/json",
    }
    assert files["/"][0].startswith(b"<!doctype html>")


def test_examples_are_those_of_the_data_folder():
    """They stand twice, in the data and in the page, and say the same."""
    lines = EXAMPLES.read_text("utf-8").splitlines()
    known = {row["id"]: row for row in map(json.loads, lines)}
    shown = json.loads(page_files()["/examples.json"][0])

    assert [each["id"] for each in shown] == [
        "ex-045", "ex-052", "ex-019", "ex-050", "ex-022", "ex-027",
    ]  # fmt: skip
    assert shown == [
        {key: known[each["id"]][key] for key in ("id", "title", "text")} for each in shown
    ]


@pytest.mark.parametrize("name", ["index.html", "page.css", "page.js"])
def test_nothing_is_inline_foreign_or_markup_from_text(name):
    """No inline script or style, no other host, no way for text to become markup."""
    source = (PAGE / name).read_text("utf-8")
    forbidden = r"https?://|<style|style=|<script(?! type=\"module\" src=)|\son\w+=|[iI]nnerHTML"

    assert re.findall(forbidden, source) == []
    assert re.findall(r"outerHTML|insertAdjacent|document\.write|localStorage|eval\(", source) == []


def test_a_typed_article_gets_tags_probabilities_and_cuts(page):
    """The most probable tag stands first, and each has its cut."""
    tag(page, MIXED_TEXT)

    assert texts(page, "#verdict .tag") == ["diplomacy", "energy"]
    assert texts(page, "#bar-rows .bar") == [
        "diplomacy ✓ 90 % cut 70 %",
        "energy ✓ 62 % cut 47 %",
        "culture 0 % cut 29 %",
    ]
    assert "85\u202f% of the words" in page.locator("#about").inner_text()
    assert page.locator(".cut").nth(1).evaluate("e => e.style.left") == "46.875%"


def test_the_sum_adds_up_as_shown(page):
    """Bias, words for and words against give the margin, to the last digit."""
    tag(page, "The minister and the ambassador held talks on the gas pipeline and museum concert")
    page.get_by_role("radio", name="energy").check()

    # rounded one by one, they would give −0.130
    assert page.locator("#why-heading").inner_text() == "Why not energy?"
    assert texts(page, "#sum tr") == [
        "Bias: where all articles start −0.750",
        "3 words for it +1.122",
        "3 words against it −0.503",
        "The margin, read as 35 % −0.131",
    ]


def test_another_tag_brings_its_own_reasons(page):
    """Energy has words against it, which look other than those for it without colour."""
    tag(page, MIXED_TEXT)
    page.get_by_role("radio", name="energy").check()

    assert page.locator("#why-heading").inner_text() == "Why energy?"
    assert texts(page, "#prepared mark.against") == ["ambassador"]
    assert texts(page, "#prepared mark.for") == ["minister", "gas", "pipeline"]
    line = "e => getComputedStyle(e).borderBottomStyle"
    assert page.locator("#prepared mark.for").first.evaluate(line) == "solid"
    assert page.locator("#prepared mark.against").evaluate(line) == "dashed"
    assert texts(page, "#lowered li") == ["ambassador 1× −0.108"]


def test_pointing_at_a_word_tells_its_share(page):
    """The tip holds what the word adds; its other places light up; Escape hides it."""
    tag(page, MIXED_TEXT)
    page.locator("#prepared mark", has_text="talks").first.hover()

    tip = page.get_by_role("tooltip")
    assert " ".join(tip.inner_text().split()) == (
        "talks +0.767 of the margin 1.409; 40 % of what speaks for it; counted 2×"
    )
    assert texts(page, "#prepared mark.same") == ["talks"]
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_the_marks_stand_where_the_words_are_beyond_the_first_plane(page):
    """Offsets count characters, the script counts UTF-16 units."""
    tag(page, f"🛢️🛢️ 𝔬𝔦𝔩 {ENERGY_TEXT}", title="🎭 Talks")

    page.get_by_role("radio", name="energy").check()
    assert texts(page, "#prepared mark") == ["Oil", "gas", "minister", "pipeline"]
    assert page.locator("#prepared .headline").inner_text() == "🎭 Talks"


def test_an_example_is_filled_in_and_tagged(page):
    """One click; the model of twelve words says that it cannot judge, and gives no reasons."""
    page.get_by_role("button", name="A parliament of owls").click()
    page.locator("#single").wait_for()

    assert page.get_by_label("Headline").first.input_value().startswith("A parliament of owls")
    assert page.locator("#verdict").inner_text() == "Not judged"
    note = page.locator("#note").inner_text()
    assert note.endswith("subject? The bars show how common each tag was in training.")
    assert page.locator("#why").is_hidden()


def test_another_model_reads_the_article_again(page):
    """With the shipped model the example on oil is about energy."""
    page.get_by_role("button", name="Muscat Group splits").click()
    page.locator("#single").wait_for()
    page.get_by_label("Choose a model").select_option("sectors")

    page.locator("#verdict .tag", has_text="energy").wait_for()
    assert page.locator("#bar-rows .bar").count() == 5
    assert json.loads(page.locator("#json pre").text_content())["id"] == "ex-045"


def test_markup_in_an_article_stays_text(page):
    """Nothing of an article, a headline or a file's name is read as markup."""
    bomb = "<img src=x onerror=document.title='hit'>"
    tag(page, f"{bomb} {ENERGY_TEXT}", title=bomb)
    tag_table(page, f"{bomb}.jsonl", json.dumps({"text": ENERGY_TEXT, "title": bomb}))

    assert page.locator("main img").count() == 0
    assert bomb in page.locator("#many-heading").inner_text()
    assert page.title() == "Which desk reads this? · classifier"


def test_a_result_says_when_it_is_of_an_older_text(page):
    """Until the article is tagged again."""
    tag(page, ENERGY_TEXT)
    page.get_by_role("textbox", name="Text").fill(MIXED_TEXT)

    assert page.locator("#stale").is_visible()
    page.get_by_role("button", name="Tag it again").click()
    page.locator("#verdict .tag", has_text="diplomacy").wait_for()
    assert page.locator("#stale").is_hidden()


def test_a_megabyte_is_pasted_and_shown_in_part(page):
    """Only the beginning is marked, and the page says so."""
    page.locator("#text").evaluate(
        """(area, text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            area.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true }));
        }""",
        f"{ENERGY_TEXT}.\n" * 21_000,
    )
    page.get_by_role("button", name="Tag it", exact=True).click()
    page.locator("#single").wait_for()

    assert re.fullmatch(
        r"The first (29|30),\d{3} characters are shown; the other 95\d,\d{3} count as well\.",
        page.locator("#limit").inner_text(),
    )
    assert page.locator("#prepared").evaluate("e => e.textContent.length") <= 30_000


def test_a_dropped_table_is_tagged_and_saved_as_csv(page):
    """Quotes, line ends in cells, and cells that a spreadsheet would take for formulas."""
    rows = [["id", "Headline", "Body"], ["=1+1", '"Oil",\nthey say', ENERGY_TEXT], ["b", "", " "]]
    table = io.StringIO()
    csv.writer(table).writerows([*rows, ["c", "-5 °C", "short"]])
    tag_table(page, "desk.csv", table.getvalue())

    assert page.locator("#many-heading").inner_text() == "desk.csv: 3 articles"
    name, content = downloaded(page, "Download CSV")
    assert name == "desk.tags.csv"
    found = list(csv.DictReader(io.StringIO(content)))
    assert [(row["id"], row["title"], row["tags"], row["note"]) for row in found] == [
        ("'=1+1", '"Oil",\nthey say', "energy", ""),
        ("b", "", "", "no text"),
        ("c", "'-5 °C", "", "the model knows 0 of 1 words: another language or subject?"),
    ]
    assert found[0]["score_energy"] == "0.95"


def test_a_dropped_jsonl_is_saved_as_the_service_answers(page):
    """The fields are those of the command line; a bad line is named."""
    lines = [json.dumps(row) for row in ROWS[:2]]
    tag_table(page, "wire.jsonl", "\n".join([lines[0], "no json", lines[1]]))

    assert page.locator("#many-warning").inner_text() == (
        "Left out: 1 row, the first of them wire.jsonl line 2: not valid JSON (Expecting value at "
        "column 1). Write one whole object a line."
    )
    name, content = downloaded(page, "Download JSONL")
    found = [json.loads(line) for line in content.splitlines()]
    assert name == "wire.tags.jsonl"
    assert [(row["id"], row["tags"]) for row in found] == [
        ("a", ["energy"]), ("b", ["diplomacy", "energy"]),
    ]  # fmt: skip
    assert list(found[0]) == ["id", "tags", "scores", "coverage", "model"]


def test_a_table_can_be_narrowed_and_its_articles_opened(page):
    """The counts are buttons; a headline shows the reasons."""
    rows = [{"title": "One", "text": ENERGY_TEXT}, {"title": "Two", "text": MIXED_TEXT}]
    tag_table(page, "two.jsonl", "\n".join(map(json.dumps, rows)))

    assert texts(page, "#filters button") == ["all 2", "energy 2", "diplomacy 1"]
    page.get_by_role("button", name="diplomacy 1").click()
    assert texts(page, "#table tbody th") == ["Two"]
    page.get_by_role("button", name="Two", exact=True).click()
    page.locator("#single").wait_for()
    assert page.locator("#prepared .headline").inner_text() == "Two"


def test_many_articles_go_in_batches_of_a_hundred(page, tmp_path):
    """Through the file button; no request holds more than the service likes."""
    sizes = []
    page.on(
        "request",
        lambda each: sizes.extend(
            [len(each.post_data_json["articles"])] if each.url.endswith("predict") else []
        ),
    )
    rows = [{"id": n, "text": ENERGY_TEXT} for n in range(205)]
    page.set_input_files("#file", write_rows(tmp_path / "many.jsonl", rows))
    page.locator("#columns button").click()
    page.get_by_text("The first 200 of 205 articles are shown").wait_for()

    assert sizes == [100, 100, 5]
    assert page.locator("#table tbody tr").count() == 200


def test_tagging_can_be_stopped(page):
    """What is tagged stays, and the page says what is not."""
    unanswered = []
    page.route("**/v1/predict", lambda route: unanswered.append(route))
    page.route("**/v1/predict", lambda route: route.continue_(), times=1)
    drop(page, "n.jsonl", "\n".join(json.dumps({"text": ENERGY_TEXT}) for _ in range(150)))
    page.locator("#columns button").click()
    page.get_by_text("100 of 150 articles").wait_for()
    page.get_by_role("button", name="Stop").click()

    warning = page.locator("#many-warning")
    warning.wait_for()
    assert warning.inner_text() == "100 of 150 articles are tagged; the rest is left."
    assert len(downloaded(page, "Download JSONL")[1].splitlines()) == 100


def test_a_busy_service_is_asked_again(page):
    """As the service says, after a second."""
    busy = {"status": 503, "headers": {"Retry-After": "0.1"}, "json": {"detail": "full"}}
    page.route("**/v1/predict", lambda route: route.fulfill(**busy), times=2)
    tag_table(page, "one.jsonl", json.dumps(ROWS[0]))

    assert texts(page, "#table tbody td")[0] == "energy"


def test_a_web_page_is_read_for_its_article(page):
    """Without menus, scripts and the headline twice."""
    story = [f"{n} {MIXED_TEXT}." for n in ("First", "Then", "Last")]
    html = (
        "<!doctype html><html><head><title>Gas talks</title></head><body><nav>Home</nav><article>"
        f"<h1>Gas <i>talks</i></h1><p>{'</p><p>'.join(story)}</p>"
        "<script>document.title = 'hit'</script></article></body></html>"
    )
    drop(page, "story.html", html, "text/html")
    page.locator("#single").wait_for()

    assert page.get_by_label("Headline").first.input_value() == "Gas talks"
    assert page.get_by_role("textbox", name="Text").input_value() == "\n".join(story)


def workbook(rows):
    """Return the bytes of a workbook."""
    from openpyxl import Workbook

    book, stream = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


NINJS = [
    {"uri": "a", "headline": "Oil", "body_text": ENERGY_TEXT},
    {"uri": "b", "headline": "Talks", "body_html": f"<p>{MIXED_TEXT}</p>"},
]
NEWSML = f"""<newsItem xmlns="http://iptc.org/std/nar/2006-10-01/" guid="a"><contentMeta>
<headline>Oil</headline></contentMeta><contentSet><inlineXML><html
xmlns="http://www.w3.org/1999/xhtml"><body><p>{ENERGY_TEXT}</p></body></html></inlineXML>
</contentSet></newsItem>"""
RSS = f"""<rss version="2.0"><channel><title>Desk</title><item><title>Oil</title>
<guid>a</guid><description>{ENERGY_TEXT}</description></item></channel></rss>"""
TABLE = [["id", "headline", "body"], ["a", "Oil", ENERGY_TEXT], ["b", "Talks", MIXED_TEXT]]


def lines(separator):
    """Return the table as text."""
    return "\n".join(separator.join(row) for row in TABLE)


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("items.json", json.dumps(NINJS), ["Oil", "Talks"]),
        ("rows.json", json.dumps({"articles": [dict(zip(*TABLE[:2], strict=True))]}), ["Oil"]),
        ("excel.csv", lines(";"), ["Oil", "Talks"]),
        ("bars.csv", lines("|"), ["Oil", "Talks"]),
        ("table.tsv", lines("\t"), ["Oil", "Talks"]),
        ("item.xml", NEWSML, ["Oil"]),
        ("feed.rss", RSS, ["Oil"]),
        ("train.txt", f"__label__energy {ENERGY_TEXT}\n__label__x {MIXED_TEXT}", [ENERGY_TEXT]),
        ("table.xlsx", workbook(TABLE), ["Oil", "Talks"]),
    ],
)
def test_files_of_every_small_format_are_taken_by_drop(page, name, content, shown):
    """The service reads them; text, headline and id are found by themselves."""
    tag_table(page, name, content)

    assert texts(page, "#table tbody th")[: len(shown)] == shown
    assert texts(page, "#table tbody td")[0] == "energy"


def test_several_text_files_become_a_table(page, tmp_path):
    """Each is an article, named like its file."""
    for name, text in (("one.txt", ENERGY_TEXT), ("two.txt", MIXED_TEXT)):
        (tmp_path / name).write_text(text, "utf-8")
    page.set_input_files("#file", sorted(tmp_path.iterdir()))
    page.get_by_role("button", name="Tag 2 articles").click()
    page.locator("#save-csv").wait_for()
    page.locator("#table tbody th").nth(1).wait_for()

    assert texts(page, "#table tbody th") == ["one.txt", "two.txt"]


def test_an_old_text_file_is_read_in_its_own_encoding(page, tmp_path):
    """What is not UTF-8 is taken for Windows-1252."""
    file = tmp_path / "old.txt"
    file.write_bytes(f"“Café”: {ENERGY_TEXT}".encode("cp1252"))
    page.set_input_files("#file", file)
    page.locator("#single").wait_for()

    assert page.get_by_role("textbox", name="Text").input_value() == f"“Café”: {ENERGY_TEXT}"


@cases("page", "name", "content", "message")
def test_a_file_that_is_no_article_is_an_error(page, name, content, message):
    """The page says which and what to do."""
    drop(page, name, content)
    page.get_by_role("alert").locator("strong").wait_for()

    assert page.get_by_role("alert").locator("strong").inner_text() == message


def test_an_article_without_words_is_refused_by_the_service(page):
    """422: its own sentence is shown, and the page goes on."""
    page.get_by_role("textbox", name="Text").fill(" ")
    page.get_by_role("button", name="Tag it", exact=True).click()
    page.get_by_role("alert").wait_for()

    assert "The service cannot take this" in page.get_by_role("alert").inner_text()
    tag(page, ENERGY_TEXT)
    assert page.get_by_role("alert").is_hidden()


def test_a_service_that_is_gone_is_an_error(page):
    """No answer at all."""
    page.route("**/v1/explain", lambda route: route.abort())
    page.get_by_role("textbox", name="Text").fill(ENERGY_TEXT)
    page.get_by_role("button", name="Tag it", exact=True).click()

    page.get_by_text("The service does not answer").wait_for()


def test_a_correction_is_saved_with_what_is_sure(page, folder):
    """What was left open is in neither list."""
    tag(page, ENERGY_TEXT, title="Pipe")
    save = page.get_by_role("button", name="Save correction")
    assert save.is_disabled()
    page.get_by_role("group", name="culture").get_by_label("should be").check()
    page.get_by_role("group", name="energy").get_by_label("should not be").check()
    save.click()
    page.get_by_text("Saved.").wait_for()

    lines = (folder / "corrections.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[-1]) == {
        "title": "Pipe", "text": ENERGY_TEXT, "labels": ["culture"], "negative": ["energy"],
    }  # fmt: skip


def test_a_token_is_asked_for_and_kept_in_memory_alone(new_page, strict_service):
    """A wrong one is refused; corrections are not offered where none are taken."""
    page = new_page(strict_service)
    page.get_by_role("textbox", name="Token").fill("wrong")
    page.get_by_role("button", name="Use it").click()
    page.get_by_text("That token was refused.").wait_for()
    page.get_by_role("textbox", name="Token").fill("s3cret")
    page.get_by_role("button", name="Use it").click()
    tag(page, ENERGY_TEXT)

    assert texts(page, "#verdict .tag") == ["energy"]
    assert page.locator("#correction").is_hidden()
    assert page.context.storage_state() == {"cookies": [], "origins": []}


def test_a_limit_of_the_service_is_told(new_page, strict_service):
    """413: one article too long is an error; in a table it leaves its neighbours alone."""
    page = new_page(strict_service)
    page.get_by_role("textbox", name="Token").fill("s3cret")
    page.get_by_role("button", name="Use it").click()
    page.locator("#model", has_text="tiny").wait_for()
    page.get_by_role("textbox", name="Text").fill(LONG)
    page.get_by_role("button", name="Tag it", exact=True).click()
    page.get_by_text("Text has 201 characters, at most 200 are taken").wait_for()
    tag_table(page, "t.csv", f"text\n{ENERGY_TEXT}\n{LONG}\n{MIXED_TEXT}\n")

    assert texts(page, "#table tbody td:nth-child(2)") == ["energy", "–", "diplomacy, energy"]
    assert "at most 200" in page.locator(".remark").inner_text()


def test_it_is_dark_where_the_reader_likes_it_dark(new_page, open_service):
    """The colours follow the system."""
    ground = "() => getComputedStyle(document.body).backgroundColor"

    assert new_page(open_service, color_scheme="light").evaluate(ground) == "rgb(251, 250, 247)"
    assert new_page(open_service, color_scheme="dark").evaluate(ground) == "rgb(20, 22, 26)"


def test_nothing_is_wider_than_a_phone(new_page, open_service):
    """375 points, with a result, a tip and a table on the page; words answer to taps."""
    size = {"width": 375, "height": 700}
    page = new_page(open_service, viewport=size, has_touch=True, is_mobile=True)
    tag_table(page, "w.jsonl", json.dumps({"text": ENERGY_TEXT, "title": "W" * 90}))
    tag(page, f"{ENERGY_TEXT} {'W' * 90}", title="W" * 90)
    page.locator("#prepared mark").last.tap()

    assert page.get_by_role("tooltip").is_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") == 375


def test_the_keyboard_is_enough(page):
    """Type, tag, change the tag, walk through the words: no pointer."""
    page.get_by_label("Headline").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.type(MIXED_TEXT)
    page.keyboard.press("Control+Enter")
    page.locator("#single").wait_for()
    page.get_by_role("radio", name="diplomacy").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#why-heading").inner_text() == "Why energy?"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")

    assert page.evaluate("() => document.activeElement.textContent") == "ambassador"
    assert "−0.108" in page.get_by_role("tooltip").inner_text()


def test_a_screen_reader_hears_the_result(page):
    """Parts have names, and what changes is announced."""
    tag(page, MIXED_TEXT)

    assert page.get_by_role("status").first.inner_text().strip() == (
        "Tags: diplomacy 90\u202f%, energy 62\u202f%."
    )
    named = page.get_by_role("group", name="The article as the model reads it")
    assert named.count() == 1
    assert page.get_by_role("radio", name="energy, 62\u202f%, given, cut at 47\u202f%").count() == 1
