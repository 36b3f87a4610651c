import numpy as np
from numpy.typing import NDArray

def sketch(
    text: str, shingle: int, a: NDArray[np.uint32], b: NDArray[np.uint32]
) -> tuple[bytes, NDArray[np.uint32]]: ...
