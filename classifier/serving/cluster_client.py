"""The connection to a Dask cluster, and whether its workers have this package."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import resource_tracker
from typing import Any

from classifier.errors import ClassifierError
from classifier.serving.workers import interrupts_held

__all__ = ["INSTALL", "check_versions", "import_distributed", "opened_client"]

LOCAL = "local"
PATIENCE = 5.0
# The first death of a worker may be chance; the third on the same file is not.
MOST_DEATHS = 2
INSTALL = "Run: pip install 'classifier[dask]'"


def import_distributed() -> Any:
    """Return the module `distributed`.

    Raises
    ------
    ClassifierError
        When it is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise ClassifierError(f"a cluster needs dask and distributed. {INSTALL}") from None
    return distributed


@contextmanager
def opened_client(address: str, *, jobs: int | None = None) -> Iterator[Any]:
    """Give a client of a scheduler, or of workers on this machine that live as long.

    Parameters
    ----------
    address : str
        As in ``tcp://scheduler:8786``, or ``local``.
    jobs : int, optional
        Workers of ``local``; as many as there are cores when not given.

    Raises
    ------
    ClassifierError
        When no scheduler answers within 5 seconds.
    """
    distributed = import_distributed()
    if address == LOCAL:
        with (
            _local_cluster(distributed, jobs or os.cpu_count() or 1) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    with (
        _silent(logging.getLogger("distributed.client")),
        _connected(distributed, address) as client,
    ):
        yield client


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Leave out the traceback of a scheduler that has gone, which is told as an error."""
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _local_cluster(distributed: Any, n_workers: int) -> Any:
    import dask

    deaths = {"distributed.scheduler.allowed-failures": MOST_DEATHS}
    # started by the first process, it would let interrupts through again
    resource_tracker.ensure_running()
    # Ctrl-C is for this process, which ends the others
    with dask.config.set(deaths), interrupts_held():
        return distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )


def _connected(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClassifierError(
            f"{address}: no Dask scheduler answers ({reason}). Is it running and can it be "
            "reached from here? An address looks like tcp://scheduler:8786."
        ) from None


def check_versions(client: Any, *, package: str = "classifier", wanted: str = "") -> None:
    """Raise when the scheduler or a worker lacks this package or has another version of it.

    Parameters
    ----------
    client : distributed.Client
    package : str
    wanted : str, optional
        The version that is installed here when not given.

    Raises
    ------
    ClassifierError
        With what was found where.
    """
    wanted = wanted or version(package)
    found = _versions(client, package)
    wrong = {place: have for place, have in found.items() if have != wanted}
    if wrong:
        shown = ", ".join(f"{place} has {have}" for place, have in list(wrong.items())[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise ClassifierError(
            f"{package} is {wanted} here, but {shown}{more}. Install {package}=={wanted} on the "
            "scheduler and on every worker."
        )


def _versions(client: Any, package: str) -> Mapping[str, str]:
    # asked by a function of the standard library, which is there whatever else is not
    answers = client.run(version, package, on_error="return")
    try:
        answers = {"the scheduler": client.run_on_scheduler(version, package)} | answers
    except ImportError as error:
        answers = {"the scheduler": error} | answers
    return {
        place: answer if isinstance(answer, str) else "none" for place, answer in answers.items()
    }
