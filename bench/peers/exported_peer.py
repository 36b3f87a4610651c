"""A model of ours as `classifier export` writes it: scikit-learn's classes, our weights."""

import joblib
import worker


def load(folder):
    pipeline = joblib.load(folder / "exported.joblib")
    labels = pipeline.labels_.tolist()
    return lambda texts: answers(pipeline, labels, texts)


def answers(pipeline, labels, texts):
    scores = [column[:, 1].tolist() for column in pipeline.predict_proba(texts)]
    for row, given in zip(zip(*scores, strict=True), pipeline.predict(texts), strict=True):
        tags = [label for label, flag in zip(labels, given, strict=True) if flag]
        yield tags, dict(zip(labels, row, strict=True))


if __name__ == "__main__":
    worker.run(None, load)
