"""Two runs of the benchmarks, side by side: `python -m tests.benchmarks.difference A.json … -- B.json …`, each side's runs in turn.

Of each kernel, size and dtype: the median over the runs of a side, and how many times as long B takes as A.
"""

import json
import statistics
import sys
from pathlib import Path


def seconds(files):
    """The time of ours, by title, over all of these runs."""
    found = {}
    for file in files:
        for array in json.loads(Path(file).read_text(encoding="utf-8"))["benchmarks"]:
            info = array["extra_info"]
            found.setdefault(info["title"], []).append(info["seconds"]["ours"])
    return {title: statistics.median(times) for title, times in found.items()}


def table(one, other):
    """A row for each title that both sides have."""
    yield f"{'':48}{'A, µs':>12}{'B, µs':>12}{'B / A':>8}"
    for title in one:
        if title in other:
            yield f"{title:48}{one[title] * 1e6:12.2f}{other[title] * 1e6:12.2f}{other[title] / one[title]:8.2f}"


if __name__ == "__main__":
    middle = sys.argv.index("--")
    print(*table(seconds(sys.argv[1:middle]), seconds(sys.argv[middle + 1 :])), sep="\n")
