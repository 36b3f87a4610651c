import numpy as np
from numpy.typing import NDArray

PADDING: int
WIDTHS: tuple[int, ...]

def weigh(
    starts: NDArray[np.int64],
    terms: NDArray[np.int32],
    values: NDArray[np.float64],
    chosen: NDArray[np.int64],
    idf: NDArray[np.float64],
    place: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...
def fit(
    starts: NDArray[np.int64],
    terms: NDArray[np.int32],
    values: NDArray[np.float32],
    scales: NDArray[np.float32],
    signs: NDArray[np.float32],
    weights: NDArray[np.float32],
    C: NDArray[np.float32],
    alphas: NDArray[np.float32],
    *,
    tolerance: float,
    most: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]: ...
