"""What a worker of a cluster does with one file: fetch, tag, put in place."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from classifier.errors import BadInputError, ClassifierError
from classifier.serving.cluster_model import PackedModel, model_here
from classifier.serving.cluster_places import Place, place_of
from classifier.serving.journal import FOLDER
from classifier.serving.shard import Shard, ShardResult, tag_shard
from classifier.serving.tagger import Tagger, TagOptions
from classifier.serving.workers import Answer

__all__ = ["FarTask", "begun_mark", "parts_folder", "tag_far_shard"]


@dataclass(frozen=True, slots=True)
class FarTask:
    """A file to tag on any machine.

    Parameters
    ----------
    shard : Shard
        Its `path` counts for nothing.
    address : str
        Of the file.
    out : str
        Address of the folder of results.
    run : str
        Name of the run, below which unfinished results lie.
    """

    shard: Shard
    address: str
    out: str
    run: str


def parts_folder(run: str) -> str:
    """Return where in the folder of results a run keeps what is not whole."""
    return f"{FOLDER}/parts/{run}"


def begun_mark(run: str) -> str:
    """Return the file that is there as long as the run goes on."""
    return f"{parts_folder(run)}/begun"


def tag_far_shard(task: FarTask, packed: PackedModel, options: TagOptions) -> Answer[FarTask]:
    """Tag a file and give the result its name.

    A file that cannot be read is an answer with a reason: it would fail elsewhere too.

    Raises
    ------
    ClassifierError
        When the model cannot be used on this machine, or the folder of results is not seen.
    OSError
        When storage fails, which may pass.
    """
    tagger = Tagger(model_here(packed), options, packed.signature)
    out = place_of(task.out)
    _check_begun(task, out)
    with TemporaryDirectory(dir=_scratch()) as folder:
        try:
            with _near(task, Path(folder)) as shard:
                result = _tagged(task, shard, tagger, out, Path(folder))
        except BadInputError as error:
            # the copy's name means nothing to anybody
            copy = str(Path(folder, Path(task.shard.name).name))
            return Answer(0, task, reason=str(error).replace(copy, task.address))
    return Answer(0, task, result)


def _check_begun(task: FarTask, out: Place) -> None:
    if not out.fs.exists(out.below(begun_mark(task.run))):
        raise ClassifierError(
            f"{task.out}: a worker does not see the run there. Is it a place that all of them and "
            "this machine share?"
        )


def _scratch() -> str:
    from distributed import get_worker

    return str(get_worker().local_directory)


@contextmanager
def _near(task: FarTask, folder: Path) -> Iterator[Shard]:
    """Give the file where it can be opened by a path."""
    place = place_of(task.address)
    if place.is_local:
        yield replace(task.shard, path=Path(place.path))
        return
    copy = folder / Path(task.shard.name).name
    place.fs.get_file(place.path, str(copy))
    now = copy.stat()
    if now.st_size != task.shard.n_bytes:
        raise BadInputError(f"{task.address}: was changed since it was found. Run once more.")
    yield replace(task.shard, path=copy, n_bytes=now.st_size, mtime_ns=now.st_mtime_ns)


def _tagged(task: FarTask, shard: Shard, tagger: Tagger, out: Place, folder: Path) -> ShardResult:
    # a worker that was given up for lost may be at the same file
    token = secrets.token_hex(8)
    passing = out.below(f"{parts_folder(task.run)}/{token}")
    part = Path(passing if out.is_local else folder / token)
    rejects = part.with_suffix(".rejects")
    result = tag_shard(shard, tagger, part, rejects=rejects, report=lambda articles, n_bytes: None)
    # a task that outlives its run must not replace what the next one writes
    _check_begun(task, out)
    rejected = out.below(f"{FOLDER}/rejects/{shard.name}.jsonl")
    if rejects.exists():
        _name_address(rejects, str(shard.path), task.address)
        _publish(rejects, out, rejected, passing=f"{passing}.rejects")
    elif out.fs.exists(rejected):
        out.fs.rm_file(rejected)
    _publish(part, out, out.below(shard.target), passing=passing)
    return result


def _name_address(rejects: Path, copy: str, address: str) -> None:
    if copy == address:
        return
    import json

    before, after = json.dumps(copy), json.dumps(address)
    named = rejects.with_suffix(".named")
    with rejects.open(encoding="ascii") as lines, named.open("w", encoding="ascii") as stream:
        stream.writelines(line.replace(before[1:-1], after[1:-1]) for line in lines)
    named.replace(rejects)


def _publish(part: Path, out: Place, target: str, *, passing: str) -> None:
    if out.is_local:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, target)  # noqa: PTH105
        return
    for name in (passing, target):
        out.fs.makedirs(name.rpartition("/")[0], exist_ok=True)
    out.fs.put_file(str(part), passing)
    out.fs.mv(passing, target)
