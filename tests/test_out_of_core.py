"""Training on more text than the process may have memory, in a process with a real limit."""

import json
import subprocess
import sys

import pytest

from bench.out_of_core_corpus import write_corpus
from classifier.training.solver import solver
from tests.command_line import environment

pytestmark = [
    pytest.mark.skipif(solver() is None, reason="no compiled solver"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc"),
]
# Some MB of text above what the process may take beyond its libraries.
TEXT, ROOM = 9_000_000, 36_000_000
TRAIN = """
import json, re, resource, sys
from pathlib import Path
from classifier.corpus.read import read_articles
from classifier.training import memory, settings, train

def sizes():
    found = re.findall(r"^(Vm\\w+):\\s+(\\d+)", Path("/proc/self/status").read_text(), re.M)
    return {name: int(kb) * 1024 for name, kb in found}

path, room, limited = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "limited"
chosen = settings.Settings(C=(1.0,), lead_repeats=(0,), n_folds=2)
train.train(read_articles(["data/examples"]), chosen)  # loads what is loaded late
taken = sizes()["VmSize"]
resource.setrlimit(resource.RLIMIT_AS, (taken + room,) * 2)
least = memory.LIBRARIES + memory.LEAST_WORKING
model = train.train(read_articles([path]), chosen, memory=least if limited else None)
print(json.dumps({
    "grown": sizes()["VmPeak"] - taken,
    "articles": model.info["corpus"]["articles"],
    "micro_f1": model.info["figures"]["micro_f1"][0],
}))
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return a file of invented articles."""
    folder = tmp_path_factory.mktemp("made")
    made, rest = folder / "made.jsonl", folder / "rest.jsonl"
    write_corpus(made, rest, TEXT, words=900, held_out=0, topic_share=0.03)
    return made


def train(corpus, way):
    """Train in a process that may grow by `ROOM` bytes, and return it when it has ended."""
    return subprocess.run(
        [sys.executable, "-c", TRAIN, str(corpus), str(ROOM), way],
        env=environment(OPENBLAS_NUM_THREADS="1", MALLOC_ARENA_MAX="1"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_training_keeps_to_its_limit_where_all_in_memory_fails(corpus):
    """The process cannot have more, and what is learnt is as good as it should be."""
    limited, free = train(corpus, "limited"), train(corpus, "free")

    assert limited.returncode == 0, limited.stderr
    found = json.loads(limited.stdout)
    assert found["articles"] > 1000
    assert found["grown"] < ROOM
    assert found["micro_f1"] > 0.5
    assert free.returncode != 0
    assert "MemoryError" in free.stderr or "Unable to allocate" in free.stderr
