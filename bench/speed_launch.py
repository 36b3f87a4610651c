"""Runs commands at once and prints what they took; ``python -I -S speed_launch.py JSON``.

A process of its own and a small one: Linux counts the memory of a process from its fork on, so
that what a large one starts seems as large. The JSON is a list of [command, file for its output].
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    outs = [(command, open(out, "wb")) for command, out in json.loads(sys.argv[1])]  # noqa: PTH123, SIM115
    begun = time.perf_counter()
    started = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out) for command, out in outs
    ]
    ended = [os.wait4(each.pid, 0) for each in started]
    wall = time.perf_counter() - begun
    used = [usage for _, _, usage in ended]
    took = {
        "wall": wall,
        "cpu": sum(each.ru_utime + each.ru_stime for each in used),
        "megabytes": max(each.ru_maxrss for each in used) / 1024,
    }
    print(json.dumps(took))
    sys.exit(any(status for _, status, _ in ended))


if __name__ == "__main__":
    main()
