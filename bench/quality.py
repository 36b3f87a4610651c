"""How good the tagger is on articles it has not seen; ``make quality`` runs it.

Every figure comes from articles that had no part in fitting, choosing, cutting or calibrating: the
whole training, selection included, runs again inside each training part. ``--without-encoder``
leaves out the sentence encoder, ``--pages`` only writes the pages again.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from bench.environment import HERE, peers_python
from bench.readme import put_between_marks
from bench.unseen import LATER, OUTLETS, ROOT, SOURCES, News, Split, gather, margins_of, splits
from classifier.corpus.folds import stratified_folds
from classifier.evaluation.bootstrap import bootstrap_f1, paired_bootstrap
from classifier.evaluation.metrics import (
    average_precision,
    expected_calibration_error,
    false_tag_rate,
    micro_f1,
    per_label,
)
from classifier.files import cache_dir, write_json_lines
from classifier.pages.document import interval, markdown_table, signed
from classifier.training.cuts import choose_thresholds
from classifier.training.settings import Settings
from classifier.training.train import fit_model

RESULTS = ROOT / "bench" / "results" / "quality.json"
PAGES = {"README.md": "summary", "docs/quality.md": "full", "models/sectors/README.md": "card"}
WHOLE = "whole natural stream"
OURS, PLAIN, ENCODER = WAYS = ("ours", "plain", "sentence encoder")
CARD_SAYS = """\
Trainings like this one (`make quality`), each on articles whose outlet or source had no part in
it: what to expect on articles of your own. The plain baseline is a unigram tf-idf LinearSVC, the
sentence encoder all-MiniLM-L6-v2 with logistic regression, on the same articles in the same run.
"""

Rows = NDArray[np.int64]
Matrix = NDArray[np.float64]
Tags = NDArray[np.bool_]

# Of the sentence encoder's logistic regression.
C = (1.0, 3.0, 10.0, 30.0)
TOLERANCE = 1e-5  # with the usual one fits stop long before their end, as features are small
# The plain way: unigrams, sublinear tf-idf, LinearSVC with C=1, one cut a label by smoothed F1.
BASELINE = Settings(
    C=(1.0,),
    lead_repeats=(0,),
    fold_plurals=False,
    idf="smooth",
    ratio_power=(0.0,),
    borderline_weight=(1.0,),
    auxiliary_weight=(1.0,),
    thresholds="smoothed-f1",
    max_false_tags=1.0,
)


@dataclass(frozen=True)
class Outcome:
    """What was said of the test articles; arrays have a row an article and a column a label."""

    rows: Rows
    parts: NDArray[np.str_]
    margins: Matrix
    probabilities: Matrix
    balanced: Tags
    precise: Tags


def main() -> None:
    """Measure everything and write the results, the tables and the README's part."""
    if "--pages" in sys.argv:
        write_pages(json.loads(RESULTS.read_text()))
        return
    with_encoder = "--without-encoder" not in sys.argv
    news, plain = gather(Settings(), with_texts=with_encoder), gather(BASELINE)
    vectors = embeddings(news.texts) if with_encoder else None
    news.texts.clear()
    ways = WAYS if with_encoder else WAYS[:2]
    jobs = [(split, way) for split in splits(news) for way in ways]
    outcomes = joblib.Parallel(n_jobs=2, verbose=5)(
        joblib.delayed(encoded)(news, vectors, split)
        if way == ENCODER
        else joblib.delayed(trained)(plain if way == PLAIN else news, split, way)
        for split, way in jobs
    )
    found = [(split.scheme, way, out) for (split, way), out in zip(jobs, outcomes, strict=True)]
    results = collected(news, found, ways)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write_pages(results)


def trained(news: News, split: Split, way: str) -> Outcome:
    """Train on one side and tag the other."""
    settings = BASELINE if way == PLAIN else Settings()
    model = fit_model(news.counted.select(split.train), settings)
    margins = margins_of(model, news.counted, split.test)
    probabilities = model.calibration(margins)
    cuts = model.thresholds_at("precise")
    precise = probabilities >= [cuts[label] for label in model.labels]
    return _outcome(split, margins, probabilities, margins >= model.cuts, precise)


def encoded(news: News, vectors: NDArray[np.float32], split: Split) -> Outcome:
    """Train logistic regression on one side's embeddings and tag the other."""
    train, counted = split.train, news.counted
    natural, groups = counted.natural[train], counted.groups[train]
    said = by_encoder(vectors[train], news.truth[train], natural, groups, vectors[split.test])
    return _outcome(split, *said, said[2])


def _outcome(split: Split, *said: Any) -> Outcome:
    return Outcome(split.test, np.full(len(split.test), split.part), *said)


def embeddings(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the embedding of each text by all-MiniLM-L6-v2, shape (n_texts, 384).

    The encoder runs in an environment of its own and reads the first 256 tokens of a text; what it
    makes of a text lies in the cache folder, so that a text is embedded once.
    """
    folder = cache_dir() / "encoder"
    keys = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    missing = {k: t for k, t in zip(keys, texts, strict=True) if not (folder / f"{k}.npy").exists()}
    if missing:
        python = peers_python(ROOT / ".venv-bench-encoder", HERE / "requirements-encoder.txt")
        with TemporaryDirectory(prefix="texts-") as name:
            source = Path(name) / "texts.jsonl"
            write_json_lines(source, ({"key": k, "text": t} for k, t in missing.items()))
            script = HERE / "peers" / "minilm_peer.py"
            subprocess.run([python, script, source, folder], check=True)
    return np.array([np.load(folder / f"{key}.npy", allow_pickle=False) for key in keys])


def by_encoder(
    X: NDArray[np.float32], truth: Matrix, natural: Tags, groups: Rows, X_test: Matrix
) -> tuple[Matrix, Matrix, Tags]:
    """Return margins, probabilities and tags of the test articles, each of (n_test, n_labels).

    C is the one with the best mean average precision out of fold, cuts are those with the best
    smoothed F1 there; both on natural articles alone, as ours.
    """
    folds = np.full(len(X), -1)
    folds[natural] = stratified_folds(truth[natural], groups[natural], n_folds=5, seed=0)
    held = {c: _out_of_fold(X, truth, folds, c)[natural] for c in C}
    best = max(C, key=lambda c: np.nanmean(average_precision(truth[natural], held[c])))
    cuts = choose_thresholds(held[best], truth[natural], rule="smoothed-f1", max_false_tags=1.0)
    margins = _margins(X, truth, best, X_test)
    return margins, expit(margins), margins >= cuts


def _out_of_fold(X: NDArray[np.float32], truth: Matrix, folds: Rows, c: float) -> Matrix:
    margins = np.full(truth.shape, np.nan)
    for fold in range(folds.max() + 1):
        train, test = folds != fold, folds == fold
        margins[test] = _margins(X[train], truth[train], c, X[test])
    return margins


def _margins(X: NDArray[np.float32], truth: Matrix, c: float, X_test: Matrix) -> Matrix:
    fits = [
        LogisticRegression(C=c, tol=TOLERANCE, max_iter=1000).fit(X, truth[:, k] > 0)
        for k in range(truth.shape[1])
    ]
    return np.column_stack([fit.decision_function(X_test) for fit in fits]).astype(np.float64)


def collected(
    news: News, found: Sequence[tuple[str, str, Outcome]], ways: Sequence[str]
) -> dict[str, Any]:
    """Return the figures of every scheme, and of unseen outlets and sources together."""
    schemes = {scheme: {scheme} for scheme, _, _ in found} | {WHOLE: {OUTLETS, SOURCES}}
    results = {}
    for name, members in schemes.items():
        outs = {
            way: joined(out for scheme, of, out in found if of == way and scheme in members)
            for way in ways
        }
        results[name] = figures(news, outs)
    return {"labels": news.counted.label_names, "schemes": results}


def joined(outcomes: Iterable[Outcome]) -> Outcome:
    """Put the parts of a scheme together."""
    columns = zip(*(vars(out).values() for out in outcomes), strict=True)
    return Outcome(*map(np.concatenate, columns))


def figures(news: News, outs: dict[str, Outcome]) -> dict[str, Any]:
    """Return the figures of one scheme as JSON types, ours beside the others."""
    ours = outs[OURS]
    truth, groups = news.truth[ours.rows], news.counted.groups[ours.rows]
    borderline = news.counted.borderline[ours.rows]
    gains = {
        way: paired_bootstrap(truth, out.balanced, ours.balanced, groups=groups)
        for way, out in outs.items()
        if way != OURS
    }
    return {
        "articles": len(truth),
        "borderline": int(borderline.sum()),
        **{way: summary(truth, out, groups, borderline) for way, out in outs.items()},
        "gains": {way: [gain.estimate, gain.low, gain.high] for way, gain in gains.items()},
        "parts": {
            str(part): {
                "articles": int((ours.parts == part).sum()),
                **{w: _part(truth, o, groups, ours.parts == part) for w, o in outs.items()},
            }
            for part in dict.fromkeys(ours.parts)
        },
        "by_label": by_label(truth, ours, news.counted.label_names),
    }


def summary(truth: Matrix, out: Outcome, groups: Rows, borderline: Tags) -> dict[str, Any]:
    """Return the headline figures of one way over one scheme; ranking is that of margins."""
    f1 = bootstrap_f1(truth, out.balanced, groups=groups)
    return {
        **{f"{name}_f1": [f.estimate, f.low, f.high] for name, f in f1.items()},
        "mean_average_precision": float(np.nanmean(average_precision(truth, out.margins))),
        "false_tags": false_tag_rate(truth, out.balanced).value,
        "calibration_error": float(expected_calibration_error(truth, out.probabilities).max()),
        "clear_f1": micro_f1(truth[~borderline], out.balanced[~borderline]),
        "borderline_f1": micro_f1(truth[borderline], out.balanced[borderline]),
        "precise_f1": micro_f1(truth, out.precise),
        "precise_false_tags": false_tag_rate(truth, out.precise).value,
    }


def _part(truth: Matrix, out: Outcome, groups: Rows, mine: Tags) -> list[float]:
    micro = bootstrap_f1(truth[mine], out.balanced[mine], groups=groups[mine])["micro"]
    return [micro.estimate, micro.low, micro.high]


def by_label(truth: Matrix, out: Outcome, labels: Sequence[str]) -> dict[str, Any]:
    """Return the figures of each label."""
    ece = expected_calibration_error(truth, out.probabilities)
    rows = per_label(truth, out.balanced, out.margins, labels)
    return {
        row.label: asdict(row) | {"calibration_error": float(error)}
        for row, error in zip(rows, ece, strict=True)
    }


def write_pages(results: dict[str, Any], root: Path = ROOT) -> None:
    """Put the tables between the marks in the README and the docs."""
    for page, kind in PAGES.items():
        put_between_marks(root / page, "quality", table(results["schemes"], kind))


def table(schemes: dict[str, Any], kind: str) -> str:
    """Return the results as Markdown: "summary", the same in a "card", or "full"."""
    if kind == "full":
        told = (name for name in (OUTLETS, SOURCES, LATER) if name in schemes)
        return "\n\n".join([compared(schemes), *(details(name, schemes[name]) for name in told)])
    columns = ["judged on", "articles", "micro-F1", "mAP", "false tags"]
    columns += ["plain", "sentence encoder", "gain over plain", "gain over the encoder"]
    rows = [summary_row(name, schemes[name]) for name in (OUTLETS, SOURCES, WHOLE)]
    shown = markdown_table(columns, rows)
    return f"{CARD_SAYS}\n{shown}" if kind == "card" else shown


def summary_row(name: str, f: dict[str, Any]) -> list[str]:
    """Return a scheme's row of the summary; what was not measured is left open."""
    others = [f"{f[way]['micro_f1'][0]:.3f}" if way in f else "" for way in WAYS[1:]]
    gains = [signed(*f["gains"][way]) if way in f["gains"] else "" for way in WAYS[1:]]
    ours = f[OURS]
    return [
        name,
        f"{f['articles']:,}",
        f"**{interval(*ours['micro_f1'])}**",
        f"{ours['mean_average_precision']:.3f}",
        f"{ours['false_tags']:.1%}",
        *others,
        *gains,
    ]


def compared(schemes: dict[str, Any]) -> str:
    """Return the headline figures of every way in every scheme."""
    columns = ["judged on", "by", "micro-F1", "macro-F1", "mAP", "false tags", "largest ECE"]
    columns += ["clear", "borderline", "gain of ours"]
    rows = []
    for name, f in schemes.items():
        for way in (way for way in WAYS if way in f):
            s = f[way]
            rows.append(
                [
                    f"{name} ({f['articles']:,})",
                    way,
                    interval(*s["micro_f1"]),
                    interval(*s["macro_f1"]),
                    f"{s['mean_average_precision']:.3f}",
                    f"{s['false_tags']:.1%}",
                    f"{s['calibration_error']:.1%}",
                    f"{s['clear_f1']:.3f}",
                    f"{s['borderline_f1']:.3f}",
                    signed(*f["gains"][way]) if way in f["gains"] else "",
                ]
            )
    return markdown_table(columns, rows, left=2)


def details(name: str, f: dict[str, Any]) -> str:
    """Return the figures of one scheme by label and by part."""
    ours = f[OURS]
    says = (
        f"{f['articles']:,} articles, {f['borderline']:,} of them borderline. At the working point "
        f"`precise` micro-F1 is {ours['precise_f1']:.3f} and {ours['precise_false_tags']:.1%} of "
        f"the articles without a label are given one (balanced {ours['false_tags']:.1%})."
    )
    labels = [
        [label, f"{row['support']}"]
        + [f"{row[key]:.3f}" for key in ("precision", "recall", "f1", "average_precision")]
        + [f"{row['calibration_error']:.1%}"]
        for label, row in f["by_label"].items()
    ]
    columns = ["label", "articles", "precision", "recall", "F1", "AP", "calibration error"]
    blocks = [f"### {name}", says, markdown_table(columns, labels)]
    ways = [way for way in WAYS if way in f]
    parts = [
        [part, f"{row['articles']}", interval(*row[OURS]), *(f"{row[w][0]:.3f}" for w in ways[1:])]
        for part, row in f["parts"].items()
    ]
    if len(parts) > 1 and name != WHOLE:
        blocks.append(markdown_table(["part", "articles", "micro-F1", *ways[1:]], parts))
    return "\n\n".join(blocks)


if __name__ == "__main__":
    main()
