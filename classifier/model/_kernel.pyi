from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

class Scorer:
    def __init__(
        self,
        lines: Any,
        starts: Ints,
        slots: NDArray[np.uint32],
        idf: NDArray[np.float32],
        weights: NDArray[np.float32],
        bias: NDArray[np.float64],
        *,
        lead_words: int,
        lead_repeats: int,
        lead_divisor: int,
        bigrams: bool,
        fold_plurals: bool,
    ) -> None: ...
    def read(self, texts: tuple[str, ...]) -> tuple[Ints, Ints, Ints, Ints, Ints]: ...
    def margins(
        self, starts: Ints, terms: Ints, tf: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...

def table_of(lines: Any, starts: Ints, n_slots: int) -> NDArray[np.uint32]: ...
def misplaced(lines: Any, starts: Ints, slots: NDArray[np.uint32]) -> int: ...
def unordered(lines: Any, starts: Ints) -> int: ...
