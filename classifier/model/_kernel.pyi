from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

class Decider:
    def __init__(
        self,
        labels: tuple[str, ...],
        x: Floats,
        y: Floats,
        slope: Floats,
        last: Floats,
        cuts: Floats,
        floors: Floats,
    ) -> None: ...

class Scorer:
    def __init__(
        self,
        lines: Any,
        starts: Ints,
        slots: NDArray[np.uint32],
        idf: NDArray[np.float32],
        weights: NDArray[np.float32],
        bias: Floats,
        logs: Floats,
        *,
        lead_words: int,
        lead_repeats: int,
        lead_divisor: int,
        bigrams: bool,
        fold_plurals: bool,
    ) -> None: ...
    def read(self, texts: tuple[str, ...]) -> tuple[Ints, Ints, Ints, Ints, Ints]: ...
    def judged(
        self, texts: list[str], decider: Decider
    ) -> list[tuple[tuple[str, ...], dict[str, float], int, int]]: ...
    def scored(self, texts: list[str]) -> tuple[Floats, list[int], list[int]]: ...
    def margins(self, starts: Ints, terms: Ints, tf: Floats) -> Floats: ...

def table_of(lines: Any, starts: Ints, n_slots: int) -> NDArray[np.uint32]: ...
def misplaced(lines: Any, starts: Ints, slots: NDArray[np.uint32]) -> int: ...
def unordered(lines: Any, starts: Ints) -> int: ...
