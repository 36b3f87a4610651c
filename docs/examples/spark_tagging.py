"""Tags a frame of Spark: ``tagged = tag(spark, articles)``, from the project's documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from classifier import predict_frame
from classifier.archive.cluster import model_here, packed_model


def tag(spark: Any, articles: Any, folder: str | None = None) -> Any:
    """Return the articles' ids with tags, scores, coverage and note.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        Classic, not Connect, which cannot broadcast the model.
    articles : pyspark.sql.DataFrame
        With the columns `id` and `text`; rows without a text are an error.
    folder : str, optional
        The folder of a model; the shipped model when not given.
    """
    model = packed_model(folder)
    scores = ", ".join(f"`score_{label}` double" for label in model.labels)
    schema = f"id string, tags array<string>, {scores}, coverage double, note string"
    sent = spark.sparkContext.broadcast(model)

    def tag_batches(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            yield frame[["id"]].join(predict_frame(frame, model_here(sent.value)))

    return articles.select("id", "text").mapInPandas(tag_batches, schema)
