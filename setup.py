"""What pyproject.toml cannot say: the kernel, which is left out where it cannot be compiled."""

import sys

from setuptools import Extension, setup

# The kernel must round as NumPy does, so no multiplication may be fused with an addition.
FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-g0", "-ffp-contract=off"]

setup(
    ext_modules=[
        Extension(
            "classifier.model._kernel",
            ["classifier/model/_kernel.pyx"],
            extra_compile_args=FLAGS,
            optional=True,
        )
    ]
)
