"""Pages: one file that fetches nothing, whatever texts are in it, and says the figures."""

import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.errors import ClassifierError
from classifier.evaluation.bootstrap import Interval
from classifier.evaluation.evaluate import report_document
from classifier.evaluation.metrics import Confusions, Cooccurrence
from classifier.evaluation.report import Breakdowns, ModelFacts, Resampling, TermWeight
from classifier.pages import document, page, plots
from classifier.pages.plots import short
from tests.command_line import PATIENCE
from tests.reports import (
    EXCERPT,
    NAN,
    counts,
    empty_label,
    invented_report,
    label_report,
    worst_error,
)

HOSTILE = "<script>alert('x')</script>\"&\x00\x1b[31m\u202egnp.exe\ud800$x^2$ 文\n"
SHOWN = "<script>alert('x')</script>\"&��[31m�gnp.exe�$x^2$ 文"
CELLS = {"td", "th"}
VOID = {"meta", "br", "path", "img", "link", "input", "hr"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


class Page(HTMLParser):
    """The elements and the text of a page; raises when the elements do not nest."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        """Note an element that opens."""
        self.elements.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag, attrs):
        """Note an element that closes itself."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Close the innermost element, which must be of that name."""
        assert self.open.pop() == tag
        self.text += " " * (tag in CELLS)

    def handle_data(self, data):
        """Note text."""
        self.text += data

    def all(self, *tags):
        """Return the attributes of every element of these names."""
        return [attrs for tag, attrs in self.elements if tag in tags]

    @property
    def words(self):
        """The text with single plain spaces."""
        return " ".join(self.text.split())


def drawn_plots():
    """Return one plot of each kind."""
    edges = np.linspace(0, 1, 5)
    return {
        "precision_recall": plots.precision_recall(
            [1.0, 0.5], [0.5, 1.0], title="a", point=(0.5, 1.0), share=0.25
        ),
        "reliability": plots.reliability([0.1, 0.9], [0.0, 1.0], [30, 10], title="a"),
        "histogram": plots.histogram_with_cut(
            edges, [0, 1, 2, 3], [9, 4, 1, 0], cut=0.5, title="a"
        ),
        "bars": plots.bars_with_intervals(["energy"], [0.8], [0.7], [0.9], title="a"),
        "heat_map": plots.heat_map([[1, 2], [3, 4]], ["a", "b"], ["c", "d"], title="a"),
        "lines": plots.lines(
            {"new": ([1, 10], [0.5, 0.6]), "old": ([1, 10], [0.4, 0.5])}, title="a"
        ),
    }


def empty_plots():
    """Return one plot of each kind without a single figure."""
    nothing = [NAN, NAN]
    return [
        plots.precision_recall([], [], title="a", point=(NAN, NAN), share=NAN),
        plots.reliability(nothing, nothing, nothing, title="a"),
        plots.histogram_with_cut([], [], [], cut=None, title="a"),
        plots.bars_with_intervals([], [], [], [], title="a"),
        plots.bars_with_intervals(["x"], [NAN], [NAN], [NAN], title="a", limits=None),
        plots.heat_map([], [], [], title="a"),
        plots.heat_map([[NAN]], ["x"], ["y"], title="a"),
        plots.lines({}, title="a"),
        plots.lines({"x": (nothing, nothing)}, title="a", log_x=True),
    ]


@pytest.mark.parametrize("kind", list(drawn_plots()))
def test_a_plot_is_one_named_image_without_ids_and_fixed_colours(kind):
    """Any number of plots can share a page, and they follow its colours."""
    svg = drawn_plots()[kind]

    root = Page(svg).all("svg")
    assert [(each["role"], each["aria-label"]) for each in root] == [("img", "a")]
    assert svg.startswith("<svg ")
    assert svg.count("<svg") == svg.count("<title>a</title>") == svg.count("<desc>") == 1
    assert "var(--ink)" in svg or "var(--soft)" in svg
    assert not any(
        part in svg for part in (" id=", "#", "http", "clip-path", "<use", "font-family")
    )


@pytest.mark.parametrize("svg", empty_plots())
def test_a_plot_of_nothing_says_so(svg):
    """Empty arrays and NaN alone are drawn as a plot without figures."""
    assert "no figures" in svg
    assert "nan" not in svg


def test_a_plot_leaves_out_what_is_nan():
    """A bin without a figure is not drawn, the others are."""
    with_gap = plots.reliability([0.1, NAN, 0.9], [0.0, 0.5, 1.0], [30, 5, 10], title="a")

    assert with_gap == plots.reliability([0.1, 0.9], [0.0, 1.0], [30, 10], title="a")


def test_names_in_plots_are_text_and_never_markup_or_formulas():
    """Angle brackets, controls and dollar signs come out as the characters that can be shown."""
    svg = plots.bars_with_intervals([HOSTILE], [0.5], [0.4], [0.6], title=HOSTILE, desc=HOSTILE)

    assert "<script" not in svg
    assert Page(svg).all("svg")[0]["aria-label"] == SHOWN + "\n"
    assert "&lt;script&gt;alert('x')" in svg


def test_a_heat_map_writes_numbers_only_where_they_can_be_read():
    """Twelve columns carry numbers, thirteen do not."""
    few, many = (
        plots.heat_map(np.full((n, n), 7777), ["r"] * n, ["c"] * n, title="a") for n in (12, 13)
    )

    assert few.count("7,777") == 144
    assert "7,777" not in many


def test_a_plain_diagonal_leaves_the_colours_to_the_rest():
    """The largest number off the diagonal is as dark as the diagonal would have been."""
    table = [[1000, 5], [0, 1000]]

    plain = plots.heat_map(table, "ab", "ab", title="a", plain_diagonal=True)

    assert plain.count("opacity: 0.04") == 3
    assert plain.count("opacity: 0.55") == 1


@settings(max_examples=6)
@given(st.lists(st.floats(0, 1) | st.sampled_from([NAN, float("inf")]), max_size=6))
def test_no_figures_can_break_a_plot(values):
    """Infinities, NaN and tiny numbers leave a well-formed image."""
    svg = plots.reliability(values, values, values, title="a")

    assert len(Page(svg).all("svg")) == 1


def test_drawing_leaves_matplotlib_as_it_was():
    """The style of the plots stays inside them."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)

    plots.lines({"x": ([1, 2], [1, 2])}, title="a")

    assert dict(mpl.rcParams) == before


def test_many_curves_all_look_different():
    """Six curves differ in colour or in dashes, and each is named."""
    series = {f"run {number}": ([1, 2], [0.1, number / 10]) for number in range(6)}

    svg = plots.lines(series, title="a")

    strokes = {each["style"] for each in Page(svg).all("path") if "series" in each.get("style", "")}
    assert len({look for look in strokes if "stroke-width: 1.8" in look}) == 6
    assert all(name in svg for name in series)


def test_long_names_are_cut_on_one_line():
    """A plot has room for so many characters."""
    assert short("one\n two") == "one two"
    assert short("x" * 30, 5) == "xxxx…"


def test_characters_that_are_no_signs_are_shown_as_such_one_for_one():
    """Controls, direction overrides and lone surrogates are replaced, so places in a text stay."""
    assert page.shown("a\x00\x9f\u202e\u2066\ud800\uffffb") == "a������b"
    assert page.shown("tab\tline\n אב\u200f") == "tab\tline\n אב\u200f"


def test_figures_that_are_not_there_are_dashes():
    """NaN, infinity and None are no numbers to a reader."""
    assert [document.rounded(each) for each in (NAN, float("inf"), None)] == ["–"] * 3
    assert [document.percent(each) for each in (NAN, float("inf"), None)] == ["–"] * 3
    assert document.percent(0.126) == "13 %"


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_a_missing_extra_is_named_with_its_installation(missing, monkeypatch):
    """Without Jinja or matplotlib the message says what to run."""
    page._environment.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ClassifierError, match=rf"{missing}\. Run: pip install 'classifier\[report"):
        report_page(invented_report())

    page._environment.cache_clear()


def test_other_missing_modules_are_left_to_their_own_error():
    """Only the extra is translated."""
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), page.report_extra():
        import no_such_module  # noqa: F401


def report_page(report):
    """Return the page of an evaluation."""
    return page.document_page(report_document(report, plots=True))


@pytest.fixture(scope="module")
def plain():
    """Return the page of an ordinary report with two labels."""
    return report_page(invented_report())


def test_the_page_fetches_nothing_and_runs_nothing(plain):
    """No script, no resource, no address, and a policy that forbids them all the same."""
    read = Page(plain)

    assert not read.all("script", "link", "img", "iframe", "object", "embed", "base", "form")
    assert not any(part in plain for part in ("http:", "https:", "//", "url(", "@import"))
    assert {link["href"][0] for link in read.all("a")} == {"#"}
    policy = [each["content"] for each in read.all("meta") if "http-equiv" in each]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_the_page_can_be_read_by_ear(plain):
    """Images and scrolling tables have names, heading cells a scope."""
    read = Page(plain)

    assert all(svg["role"] == "img" and svg["aria-label"] for svg in read.all("svg"))
    assert len(read.all("svg")) == 12
    assert all(cell["scope"] in ("col", "row") for cell in read.all("th"))
    assert len(read.all("table")) == len(read.all("caption")) == 7
    scrolling = [each for each in read.all("div") if each.get("class") == "scroll"]
    assert all(each["aria-label"] and each["tabindex"] == "0" for each in scrolling)
    assert read.elements[0] == ("html", {"lang": "en"})
    assert len(read.all("h1")) == len(read.all("main")) == 1


def test_ids_are_unique_and_links_lead_to_them(plain):
    """Links and section names refer to headings that are there once."""
    read = Page(plain)
    ids = [attrs["id"] for _, attrs in read.elements if "id" in attrs]
    headings = [attrs["id"] for name, attrs in read.elements if name == "h2"]

    assert len(ids) == len(set(ids))
    assert len(headings) == 10
    assert [link["href"][1:] for link in read.all("a")] == headings
    assert {each["aria-labelledby"] for each in read.all("section")} == set(ids)


def test_the_page_says_the_figures(plain):
    """Estimates, intervals, counts and the command stand in the text."""
    words = Page(plain).words

    for figure in (
        "60 labelled articles, 2031-04-01 to 2031-04-30",
        "80 % of the 30 tags given are right; of the 28 that were due 86 % were found.",
        "micro-F1 0.810 (0.740–0.870)",
        "false tags where none is due 0.125 (0.000–0.270), 3 of 24",
        "energy 14 15 0.800 0.857 0.830 (0.610–0.950) 0.910 0.052 0.40",
        "Valley Herald 40 0.800 (0.680–0.900) 0.700 1 of 10",
        "energy missed: probability 0.070, cut 0.400",
        "labels that the model does not know are left out: weather",
        "too short to judge 3",
        "classifier evaluate tiny valley --repeats=1000 --seed=0 --out=report",
    ):
        assert figure in words


def test_the_page_is_the_same_byte_for_byte(plain):
    """Nothing in it comes from the clock or from chance."""
    assert report_page(invented_report()) == plain


def test_words_for_and_against_differ_in_more_than_colour(plain):
    """Marked words have a class of their own, a strength, and the excerpt stays whole."""
    marks = [each for each in Page(plain).all("mark") if "title" in each]

    assert [(each["class"], each["style"], each["title"]) for each in marks] == [
        ("against", "--strength:1.00", "-2.25"),
        ("for", "--strength:0.67", "+1.50"),
    ]
    assert EXCERPT in Page(plain).words


def test_of_marks_that_overlap_the_first_counts():
    """No character is marked twice, none is lost."""
    error = worst_error("energy", excerpt="gas pipeline", marks=((0, 12, 1.0), (4, 12, 2.0)))

    read = Page(report_page(invented_report(["energy"], errors=[error])))

    assert [each["title"] for each in read.all("mark") if "title" in each] == ["+1.00"]
    assert "gas pipeline" in read.text


@pytest.mark.parametrize(
    ("seen", "because", "said"),
    [
        (True, "content", "THE MODEL WAS TRAINED ON these very articles"),
        (True, "name", "THE MODEL WAS TRAINED ON a corpus called 'valley'"),
        (None, "", "The model does not say what it was trained on"),
    ],
)
def test_figures_from_training_articles_are_announced(seen, because, said, plain):
    """A reader cannot miss that the model had seen the articles, or may have."""
    corpus = {"seen_in_training": seen, "seen_because": because}

    words = Page(report_page(invented_report(["energy"], corpus=corpus))).words

    assert said in words
    assert said not in Page(plain).words


def test_hostile_names_and_texts_are_shown_and_never_obeyed():
    """Labels, ids, titles, outlets, words and excerpts reach the page as text alone."""
    names = (HOSTILE, "culture")
    error = worst_error(
        HOSTILE,
        id=HOSTILE,
        title=HOSTILE,
        outlet=HOSTILE,
        date=HOSTILE,
        note=HOSTILE,
        terms=(TermWeight(HOSTILE, 1.0),),
        excerpt=HOSTILE,
        marks=((0, 8, 1.0),),
    )
    model = ModelFacts(HOSTILE, HOSTILE, HOSTILE, names, "several", {HOSTILE: 0.5})

    html = report_page(
        invented_report(names, corpus={"name": HOSTILE}, errors=[error], model=model)
    )

    read = Page(html)
    assert not read.all("script")
    assert SHOWN in read.text
    assert not any(each in html for each in ("\x00", "\x1b", "\u202e", "\ud800"))
    assert html.encode()


def test_one_label_has_no_other_to_go_with():
    """With a single label there is no map of pairs."""
    words = Page(report_page(invented_report(["energy"]))).words

    assert "Labels together" not in words


def test_many_labels_are_folded_and_maps_keep_to_the_most_frequent():
    """Thirteen labels are in the table and folded below; the maps show twelve."""
    names = [f"l{number:02d}" for number in range(13)]
    few = [label_report(name, support=100 - place) for place, name in enumerate(names[:2])]
    labels = (*few, *(empty_label(name) for name in names[2:]))
    errors = [worst_error("l00", id=f"e{number}") for number in range(21)]

    read = Page(report_page(invented_report(names, labels=labels, errors=errors)))

    assert len(read.all("details")) == 14
    assert "Shown are the 12 most frequent labels." in read.words
    assert len(read.all("article")) == 20
    assert "nan" not in read.words


def test_without_outlets_dates_errors_and_resamples_the_page_says_less():
    """What is not known is said in a sentence; no interval is made up."""
    nothing = Interval(0.5, NAN, NAN)
    report = invented_report(
        corpus={"first_date": "", "last_date": "", "unknown_labels": (), "name": ""},
        errors=[],
        breakdowns=Breakdowns((), (), ()),
        labels=(label_report("energy", f1=nothing), empty_label("culture")),
        resampling=Resampling(0, 0, 0.95),
        notes=(),
        confusions=Confusions(("energy", "culture", "none"), ((1, 0, 0), (0, 1, 0), (0, 0, 1))),
        cooccurrence=Cooccurrence(("energy", "culture"), counts(2), counts(2)),
    )

    words = Page(report_page(report)).words

    assert "No intervals: nothing was resampled." in words
    assert not any(f"By {kind}" in words for kind in ("outlet", "month", "length"))
    assert "Worst errors" not in words
    assert "Given where another was right" not in words
    assert "nan" not in words


def test_where_exactly_one_label_is_given_no_cut_is_spoken_of():
    """The errors name the probability of the other label instead of a cut."""
    model = ModelFacts("tiny", "tiny@0a", "0a", ("energy", "culture"), "one", {})
    errors = [worst_error("energy"), worst_error("culture", kind="false", probability=0.8)]

    words = Page(report_page(invented_report(model=model, errors=errors))).words

    assert "exactly one label to each article" in words
    assert "energy missed: probability 0.070, the label given had 0.400" in words
    assert "culture wrongly given: probability 0.800, the right label had 0.400" in words


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to lay the page out with")
@pytest.mark.parametrize("width", [375, 1200])
def test_the_page_is_never_wider_than_the_screen(width, tmp_path):
    """A browser lays it out in a frame of that width; long names and tables stay inside."""
    names = ["x" * 70, "foreign affairs, defence and trade"]
    error = worst_error(names[0], id="i" * 90, title="t" * 90, excerpt="e" * 300, marks=())
    (tmp_path / "page.html").write_text(report_page(invented_report(names, errors=[error])))
    (tmp_path / "frame.html").write_text(
        f"<iframe src='page.html' style='width:{width}px;height:900px;border:0'></iframe>"
        "<script>onload = () => { const it = document.querySelector('iframe').contentDocument"
        ".documentElement; document.body.append(`${it.clientWidth}<${it.scrollWidth}<`) }</script>"
    )

    dom = subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--allow-file-access-from-files", "--virtual-time-budget=3000", "--dump-dom"),
            f"--user-data-dir={tmp_path / 'profile'}",
            (tmp_path / "frame.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout

    assert f"{width}&lt;{width}&lt;" in dom
