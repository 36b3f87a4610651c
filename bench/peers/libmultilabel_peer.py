"""LibMultiLabel's thresholding: it tunes a cut a label by cross-validation, as ours does."""

import os
from pathlib import Path

import libmultilabel.linear as linear
import numpy as np
import worker

OPTIONS = os.environ.get("LIBMULTILABEL_OPTIONS", "")


def train(texts: list[str], labels: list[list[str]], folder: Path) -> None:
    np.random.seed(0)  # it deals its folds with NumPy's global generator
    preprocessor = linear.Preprocessor()
    data = preprocessor.fit_transform({"data_format": "txt", "train": {"x": texts, "y": labels}})
    model = linear.train_thresholding(data["train"]["y"], data["train"]["x"], False, OPTIONS, False)
    linear.utils.save_pipeline(str(folder), preprocessor, model)


def load(folder: Path) -> worker.Answers:
    preprocessor, model = linear.utils.load_pipeline(str(folder / "linear_pipeline.pickle"))
    transform, labels = preprocessor.vectorizer.transform, preprocessor.label_mapping.tolist()
    return lambda texts: worker.answers_at_zero(
        linear.predict_values(model, transform(texts)).tolist(), labels
    )


if __name__ == "__main__":
    worker.run(train, load)
