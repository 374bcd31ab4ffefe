"""Draw and record what a run of the benchmarks measured: `python -m tests.benchmarks.figure bench.json docs/benchmarks.svg`.

One panel for each kind of kernel: over the size, the time of the fastest other library divided by the time of ours; above 1 ours is faster.
The record, spec/site/benchmarks.json, has the points of the figure and the day of the run; the site shows them.
"""

import json
import sys
from pathlib import Path

RECORD = Path(__file__).parents[2] / "spec" / "site" / "benchmarks.json"
OWN = ("ours, fresh", "ours, saved", "ours, bound", "ours, a loop", "not bound", "gradients elsewhere", "limit")  # not other libraries
WORDS = {"test_steps": "optimizer steps", "test_multi_tensor": "many tensors"}


def points(report, dtype):
    """By kind and kernel: (size, fastest peer / ours), for one dtype."""
    found = {}
    for array in report["benchmarks"]:
        info = array["extra_info"]
        kernel, kind, size = [*info["title"].rsplit(" ", 2), "", ""][:3]
        peers = [ratio for who, ratio in info["ratios"].items() if who not in OWN]
        if kind == dtype and peers:
            file = Path(array["fullname"].partition("::")[0]).stem
            panel = found.setdefault(WORDS.get(file, file.removeprefix("test_")), {})
            panel.setdefault(kernel, []).append((float(size), min(peers)))
    return found


def record(report, dtype):
    """The points of the figure with the day of the run, as JSON: a line for each kernel."""
    panels = []
    for title, kernels in sorted(points(report, dtype).items()):
        lines = (
            f"  {json.dumps(name)}: {json.dumps([[round(n), round(ratio, 2)] for n, ratio in sorted(pairs)])}"
            for name, pairs in kernels.items()
        )
        panels.append(f"{json.dumps(title)}: {{\n" + ",\n".join(lines) + "\n}")
    about = f'"dtype": "{dtype}",\n"recorded": "{report["datetime"][:10]}",\n'
    return "{\n" + about + '"panels": {\n' + ",\n".join(panels) + "\n}\n}\n"


def draw_figure(report, dtype, target):
    """The figure, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "trainspec", "svg.fonttype": "none", "font.size": 8})
    import matplotlib.pyplot as plt

    panels = points(report, dtype)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 3 * rows), squeeze=False, sharey=True)
    for index, (axis, (title, kernels)) in enumerate(zip(axes.flat, sorted(panels.items()), strict=False)):
        for kernel, pairs in kernels.items():
            axis.plot(*zip(*sorted(pairs), strict=True), marker=".", linewidth=1, label=kernel.replace("_", " "))
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set(xscale="log", title=title, xlabel="entries", ylabel="" if index % columns else "fastest peer / ours")
        axis.set_yscale("log", base=2)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.legend(fontsize=5, ncols=2)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(f"{dtype}: above 1, trainspec.fast is faster")
    figure.tight_layout()
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    measured = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    draw_figure(measured, "float32", sys.argv[2])
    RECORD.write_text(record(measured, "float32"), encoding="utf-8")
