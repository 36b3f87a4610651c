"""What pyproject.toml cannot say: compiled parts, which are left out where there is no compiler."""

import sys

from setuptools import Extension, setup

# The kernel must round as NumPy does, so no multiplication may be fused with an addition.
FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-g0", "-ffp-contract=off"]

COMPILED = {
    "classifier.model._kernel": "classifier/model/_kernel.pyx",
    "classifier.training._solver": "classifier/training/_solver.pyx",
    "classifier.training._block_solver": "classifier/training/_block_solver.pyx",
}

setup(
    ext_modules=[
        Extension(name, [source], extra_compile_args=FLAGS, optional=True)
        for name, source in COMPILED.items()
    ]
)
