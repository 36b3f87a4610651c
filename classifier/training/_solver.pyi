import numpy as np
from numpy.typing import NDArray

def fit(
    starts: NDArray[np.int64],
    terms: NDArray[np.int32],
    values: NDArray[np.float32],
    squares: NDArray[np.float64],
    signs: NDArray[np.int8],
    costs: NDArray[np.float64],
    *,
    n_terms: int,
    tolerance: float,
    most: int,
) -> tuple[NDArray[np.float64], bool]: ...
