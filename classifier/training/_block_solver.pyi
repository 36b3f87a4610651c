import numpy as np
from numpy.typing import NDArray

def descend(
    starts: NDArray[np.int64],
    terms: NDArray[np.int32],
    codes: NDArray[np.uint16],
    table: NDArray[np.float64],
    squared_idf: NDArray[np.float64],
    scales: NDArray[np.float64],
    signs: NDArray[np.int8],
    costs: NDArray[np.float64],
    alphas: NDArray[np.float64],
    aside: NDArray[np.uint8],
    u: NDArray[np.float64],
    *,
    limit: float,
    sweeps: int,
    seed: int,
) -> tuple[float, float]: ...
def gather(
    starts: NDArray[np.int64],
    terms: NDArray[np.int32],
    codes: NDArray[np.uint16],
    table: NDArray[np.float64],
    squared_idf: NDArray[np.float64],
    scales: NDArray[np.float64],
    signs: NDArray[np.int8],
    alphas: NDArray[np.float64],
    u: NDArray[np.float64],
) -> None: ...
def tally(
    starts: NDArray[np.int64],
    terms: NDArray[np.int32],
    counted: NDArray[np.uint8],
    sample_starts: NDArray[np.int64],
    samples: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> None: ...
