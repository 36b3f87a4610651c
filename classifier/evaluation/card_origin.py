"""The part of a card that tells what a model was made from and how to make it again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from classifier.corpus.fetch import CORPORA
from classifier.corpus.table import disarmed
from classifier.evaluation.markdown_table import markdown_table, plain
from classifier.model.description import recorded
from classifier.model.model import Model
from classifier.resources import resource

__all__ = ["corpus_blocks", "label_blocks", "remaking_blocks"]

Facts = Mapping[str, Any]

_RULE = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"^\*\*The test for every sector:\*\* (.+)$", re.MULTILINE)
# Articles in `data/house`, which join the published corpora.
_HOUSE = ("house", "written for this project; events and quotes are invented", "as the project")
_OWN = ("named on the command line", "not recorded")
_CHOSEN = ("C", "lead_repeats", "bigrams", "borderline_weight", "corpus_weights")


def label_blocks(model: Model) -> Iterator[str]:
    """Yield the labels with their articles, and with their rules where the rules are ours."""
    yield "## Labels"
    counts = recorded(model, "corpus").get("positives", {})
    articles = [f"{counts[label]:,}" if label in counts else "–" for label in model.labels]
    pairs = list(zip(model.labels, articles, strict=True))
    rules = _sector_rules() if _is_published(model) else {}
    if not rules:
        yield "What they mean is known to those who labelled the corpus; nothing else is recorded."
        yield markdown_table(("label", "training articles"), ([plain(k), n] for k, n in pairs))
        return
    yield _sector_test()
    rows = [[plain(label), *rules.get(label, ("–", "–")), n] for label, n in pairs]
    yield markdown_table(("label", "give it for", "not for", "training articles"), rows, left=3)


def _is_published(model: Model) -> bool:
    """Return whether our own labels of a published corpus were trained on."""
    return not CORPORA.keys().isdisjoint(recorded(model, "corpus").get("names", ()))


def _rules_text() -> str:
    return resource("data", "SECTORS.md").read_text(encoding="utf-8")


def _sector_rules() -> dict[str, tuple[str, str]]:
    return {label: (give, leave) for label, give, leave in _RULE.findall(_rules_text())}


def _sector_test() -> str:
    found = _TEST.search(_rules_text())
    test = f" The test for every one: {found[1]}" if found else ""
    return f"By the rules of `data/SECTORS.md`.{test}"


def corpus_blocks(model: Model) -> Iterator[str]:
    """Yield what the model was trained on, its sources and licences as far as they are known."""
    yield "## Training corpus"
    corpus = recorded(model, "corpus")
    if not {"articles", "natural", "none", "sha256"} <= set(corpus):
        yield "Nothing is recorded."
        return
    columns = ("corpus", "sample", "source", "licence", "labelled articles")
    yield markdown_table(columns, _part_rows(model, _parts(corpus)), left=4)
    yield (
        f"{corpus['articles']:,} labelled articles, {corpus['natural']:,} of them in natural "
        f"samples, {corpus['none']:,} without a label; {corpus.get('unlabelled', 0):,} unlabelled "
        "ones were left out. Auxiliary articles help the fit; cuts, calibration and figures come "
        f"from natural samples alone. SHA-256 over ids, texts and labels: `{corpus['sha256']}`."
    )


def _parts(corpus: Facts) -> Sequence[Facts]:
    """Return the parts of the corpus; older models recorded their names alone."""
    parts: Sequence[Facts] = corpus.get("parts") or [
        {"name": name} for name in corpus.get("names", ())
    ]
    return parts


def _part_rows(model: Model, parts: Sequence[Facts]) -> Iterator[list[str]]:
    for part in parts:
        name, licence = part["name"], ""
        if name in CORPORA:
            source, licence = CORPORA[name].citation, CORPORA[name].licence_note
        elif name == _HOUSE[0] and _is_published(model):
            _, source, licence = _HOUSE
        else:
            source, licence = _OWN
        sample, n_articles = "–", "–"
        if "natural" in part:
            sample = "natural" if part["natural"] else "auxiliary"
            n_articles = f"{part['articles']:,}"
        yield [*map(plain, (name, sample, source, licence)), n_articles]


def remaking_blocks(model: Model) -> Iterator[str]:
    """Yield the choices of the training, and command, settings and versions to repeat it."""
    yield "## Chosen by cross-validation"
    chosen = recorded(model, "chosen")
    rows = [f"- `{name}`: {_value(chosen[name])}" for name in _CHOSEN if name in chosen]
    yield "\n".join(rows) or "Nothing."
    yield "## How to make it again"
    settings, corpus = recorded(model, "settings"), recorded(model, "corpus")
    if not settings or not corpus.get("names"):
        yield "The training is not recorded."
        return
    yield _STEPS
    yield _fenced("", [_command(model, _parts(corpus))])
    yield "`settings.toml`:"
    yield _fenced("toml", _toml(settings))
    yield f"Versions: {_versions(model)}."


_STEPS = """\
With the same articles, seed and versions, this gives the same bytes whatever `--jobs` is.
Corpora stand here by their names; a name that `classifier corpus fetch` does not know was a file
or folder so called."""


def _command(model: Model, parts: Sequence[Facts]) -> str:
    natural = [part["name"] for part in parts if part.get("natural", True)]
    auxiliary = [part["name"] for part in parts if not part.get("natural", True)]
    words = ["classifier", "train", *natural]
    words += [word for name in auxiliary for word in ("--auxiliary", name)]
    words += ["--settings", "settings.toml", "--out", model.name]
    remark = "" if all("natural" in part for part in parts) else "  # auxiliary ones not recorded"
    return disarmed(shlex.join(words)) + remark


def _toml(settings: Facts) -> list[str]:
    """Return settings as lines of TOML, which has no word for None: that is the default."""
    known = {name: value for name, value in sorted(settings.items()) if value is not None}
    return [f"{name} = {json.dumps(value)}" for name, value in known.items()]


def _fenced(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _versions(model: Model) -> str:
    versions = recorded(model, "versions")
    return ", ".join(f"{name} {versions[name]}" for name in sorted(versions)) or "not recorded"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return _by_name(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _by_name(values: Mapping[str, object]) -> str:
    """Return one value where all are the same, else each with its name."""
    if len(set(values.values())) == 1:
        return str(next(iter(values.values())))
    return ", ".join(f"{value} for {plain(name)}" for name, value in sorted(values.items()))
