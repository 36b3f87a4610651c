"""scikit-learn's pipeline, fitted the usual way: tf-idf and a linear SVM for each label."""

import sys
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

sys.path.insert(0, str(Path(__file__).parent))

import worker


def train(texts: list[str], labels: list[list[str]], folder: Path) -> None:
    names = MultiLabelBinarizer()
    pipeline = make_pipeline(
        TfidfVectorizer(sublinear_tf=True), OneVsRestClassifier(LinearSVC(random_state=0))
    )
    pipeline.fit(texts, names.fit_transform(labels))
    joblib.dump((pipeline, names.classes_.tolist()), folder / "pipeline.joblib")


def load(folder: Path) -> worker.Answers:
    pipeline, labels = joblib.load(folder / "pipeline.joblib")
    return lambda texts: worker.answers_at_zero(pipeline.decision_function(texts).tolist(), labels)


if __name__ == "__main__":
    worker.run(train, load)
