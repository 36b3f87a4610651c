"""Many machines: Dask frames and archives of files, tagged by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.model.model import Model
from classifier.serving.cluster_client import check_versions, opened_client
from classifier.serving.cluster_journal import opened_cluster_journal
from classifier.serving.cluster_model import PackedModel, model_here, packed_model
from classifier.serving.cluster_places import find_files, place_of
from classifier.serving.cluster_run import ClusterRun
from classifier.serving.run_summary import Progress, RunSummary
from classifier.serving.tagger import Tagger, TagOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PackedModel",
    "model_here",
    "packed_model",
    "parquet_schema",
    "predict_on_cluster",
    "tag_files",
    "tag_frame",
]

Source = Path | str | Sequence[Path | str]
Report = Callable[[Progress], None]


def tag_frame(
    ddf: Any,
    model: Model | Path | str | None = None,
    *,
    text: str = "text",
    title: str | None = None,
) -> Any:
    """Return tags and scores for each row of a Dask frame, when they are computed.

    Parameters
    ----------
    ddf : dask.dataframe.DataFrame
    model : Model, path or None
        The shipped model when not given. Its files are one task of the graph, whose result each
        process asks for and loads once.
    text, title : str
        See `classifier.predict_frame`.

    Returns
    -------
    dask.dataframe.DataFrame
        What `classifier.predict_frame` returns of the whole, in the same partitions.

    Raises
    ------
    BadInputError
        When a column is not there; in computing, when a text is missing or not a string.
    """
    from dask.delayed import delayed

    from classifier.serving.frame import predict_frame

    packed = packed_model(model)
    meta = predict_frame(ddf._meta, model_here(packed), text=text, title=title)
    # one key for all partitions; as a plain argument it would be copied into each task
    files = delayed(packed, name=f"classifier-model-{packed.sha256}", traverse=False)
    return ddf.map_partitions(_tag_partition, files, text=text, title=title, meta=meta)


def _tag_partition(
    frame: pd.DataFrame, packed: PackedModel, *, text: str, title: str | None
) -> pd.DataFrame:
    from classifier.serving.frame import predict_frame

    return predict_frame(frame, model_here(packed), text=text, title=title)


def parquet_schema(tagged: Any) -> Any:
    """Return the Arrow schema of a Dask frame with a column ``tags``, for its `to_parquet`.

    Dask cannot tell from a column of lists, or from a partition without tags, what they hold.

    Parameters
    ----------
    tagged : dask.dataframe.DataFrame
        What `tag_frame` returns, or a frame that it was joined to.

    Returns
    -------
    pyarrow.Schema
    """
    import pandas as pd
    import pyarrow as pa

    meta = tagged._meta.rename_axis(index=tagged.index.name or "__null_dask_index__")
    lists = pd.Series([], meta.index, dtype=pd.ArrowDtype(pa.list_(pa.string())))
    return pa.Schema.from_pandas(meta.assign(tags=lists).reset_index(), preserve_index=False)


def predict_on_cluster(
    source: Source,
    out: Path | str,
    *,
    address: str,
    model: Model | Path | str | None = None,
    jobs: int | None = None,
    options: TagOptions | None = None,
    restart: bool = False,
    progress: Report | None = None,
) -> RunSummary:
    """Tag an archive on a cluster: what ``classifier predict --dask ADDRESS`` does.

    Parameters
    ----------
    address : str
        Of a scheduler, as in ``tcp://scheduler:8786``; ``local`` starts workers here for as long
        as it takes.
    jobs : int, optional
        Workers of ``local``; as many as there are cores when not given.
    source, out, model, options, restart, progress
        See `tag_files`.

    Raises
    ------
    ClassifierError
        As `tag_files`, and when no scheduler answers within 5 seconds.
    """
    with opened_client(address, jobs=jobs) as client:
        return tag_files(
            source,
            out,
            client=client,
            model=model,
            options=options,
            restart=restart,
            progress=progress,
        )


def tag_files(
    source: Source,
    out: Path | str,
    *,
    client: Any,
    model: Model | Path | str | None = None,
    options: TagOptions | None = None,
    restart: bool = False,
    progress: Report | None = None,
) -> RunSummary:
    """Tag every article of an archive on a cluster and write a file for each of its files.

    The files are those that `classifier.serving.archive.tag_archive` writes, with one journal of
    the same form, so that either goes on where the other has stopped.

    Parameters
    ----------
    source : path, address, or sequence of either
        A folder, a pattern, or files, anywhere that fsspec and all workers can read.
    out : path or address
        The folder of the results, anywhere that fsspec and all workers can write.
    client : distributed.Client
    model, options, restart
        See `tag_archive`.
    progress : callable, optional
        Called now and then, at least every few seconds.

    Returns
    -------
    RunSummary
        `jobs` are the workers' threads, `workers_replaced` the workers that went meanwhile.

    Raises
    ------
    ClassifierError
        Before the first file, when the run makes no sense or a worker lacks this package; later
        when the cluster goes or nothing more can be written. What is finished stays, and the
        same call goes on.
    """
    options, place = options or TagOptions(), place_of(out)
    files = find_files(source, place, input_format=options.reading.format, format=options.format)
    packed = packed_model(model)
    Tagger(model_here(packed), options)
    check_versions(client)
    settings = {
        "version": 1,
        "model": packed.sha256,
        "source": files.root,
        **options.to_json(),
    }
    with opened_cluster_journal(place, files.archive) as kept:
        if restart:
            kept.restart()
        kept.journal.check(settings)
        kept.journal.begin(settings)
        kept.copy()
        run = ClusterRun(files, kept, client, packed, options)
        return run.finished(progress or (lambda state: None))
