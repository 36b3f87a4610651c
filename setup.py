"""What pyproject.toml cannot say: compiled parts, which are left out where there is no compiler."""

import sys

from setuptools import Extension, setup

# The kernel must round as NumPy does, so no multiplication may be fused with an addition.
FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-g0", "-ffp-contract=off"]

COMPILED = {
    "classifier._scan": "classifier/_scan.pyx",
    "classifier.model._kernel": "classifier/model/_kernel.pyx",
    "classifier.model._counter": "classifier/model/_counter.pyx",
    "classifier.corpus._shingles": "classifier/corpus/_shingles.pyx",
    "classifier.training._solver": "classifier/training/_solver.pyx",
}
# A change of these makes all of them anew.
SHARED = [
    "classifier/model/_folding.pxi",
    "classifier/training/_lanes.h",
]

setup(
    ext_modules=[
        Extension(name, [source], depends=SHARED, extra_compile_args=FLAGS, optional=True)
        for name, source in COMPILED.items()
    ]
)
