import numpy as np
from numpy.typing import NDArray

WIDTHS: tuple[int, ...]

def weigh(
    bounds: NDArray[np.int64],
    terms: NDArray[np.int32],
    damped: NDArray[np.float64],
    idf: NDArray[np.float64],
    values: NDArray[np.float32],
) -> None: ...
def fit(
    bounds: NDArray[np.int64],
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
def margins(
    bounds: NDArray[np.int64],
    terms: NDArray[np.int32],
    values: NDArray[np.float32],
    coef: NDArray[np.float32],
) -> NDArray[np.float32]: ...
