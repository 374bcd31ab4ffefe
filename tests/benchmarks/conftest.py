"""How candidates are timed: interleaved in one process, on a quiet machine, and shown as ratios of medians.

Every round visits all candidates of a cell in random order; a pause before each lets the workers of the others go to sleep. A block of
calls is quiet if the kernel of the operating system let the threads of this process wait for less than a hundredth of it. The median is
taken over the quiet blocks; where there are fewer than three, over the three fastest.
"""

import gc
import random
import statistics
import time
from pathlib import Path

SIZES = [10**power for power in (3, 4, 5, 6, 7)]
DTYPES = ["float32", "float64"]
BLOCK, PAUSE, QUIET = 5e-3, 1e-2, 0.015  # seconds a block of calls, and before it; the share of a block that its threads may wait

rows = []


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=9, help="how often each candidate of a benchmark is timed")


def timed(config):
    return config.getoption("benchmark_enable") or not config.getoption("benchmark_disable")


def pytest_generate_tests(metafunc):
    """Every size in every dtype; small ones in one where results are asserted and nothing is timed."""
    if "size" in metafunc.fixturenames:
        cells = (
            [(size, dtype) for dtype in DTYPES for size in SIZES] if timed(metafunc.config) else [(10**3, "float32"), (10**5, "float32")]
        )
        metafunc.parametrize(("size", "dtype"), cells)


def pytest_terminal_summary(terminalreporter):
    if not rows:
        return
    peers = list(dict.fromkeys(peer for row in rows for peer in row["ratios"]))
    width = max(10, *(len(peer) + 2 for peer in peers))
    terminalreporter.section("time of a peer / time of ours: above 1, ours is faster; limit: a loop that only moves the same bytes")
    terminalreporter.write_line(f"{'':44}{'ours, µs':>10}" + "".join(f"{peer:>{width}}" for peer in peers))
    for row in rows:
        cells = (f"{row['ratios'][peer]:{width}.2f}" if peer in row["ratios"] else " " * width for peer in peers)
        terminalreporter.write_line(f"{row['title']:44}{row['seconds']['ours'] * 1e6:10.2f}" + "".join(cells))


def waited():
    """How long the threads of this process have waited for a processor so far, in seconds; nothing where the system doesn't say."""
    total = 0
    for task in Path("/proc/self/task").glob("*/schedstat"):
        try:
            total += int(task.read_text(encoding="ascii").split()[1])
        except (OSError, IndexError, ValueError):  # the thread has ended
            continue
    return total * 1e-9


def calls_a_block(step):
    step()
    begun = time.perf_counter()
    step()
    return max(1, int(BLOCK / max(time.perf_counter() - begun, 1e-7)))


def play(step, calls):
    for _ in range(calls):
        step()


def median_of_quiet(blocks):
    """The time of a call, from blocks of (seconds a call, share of the block that was waited); and how many were quiet."""
    quiet = [seconds for seconds, share in blocks if share < QUIET]
    return statistics.median(quiet if len(quiet) >= 3 else sorted(seconds for seconds, _ in blocks)[:3]), len(quiet)


def compare(benchmark, config, title, steps):
    """Time all candidates, where times are wanted; the first is ours."""
    if not timed(config):
        benchmark.pedantic(steps["ours"], rounds=1)
        return
    calls = {who: calls_a_block(step) for who, step in steps.items()}
    blocks = {who: [] for who in steps}
    order, shuffle = list(steps), random.Random(0).shuffle

    def one_round():
        shuffle(order)
        for who in order:
            step, count = steps[who], calls[who]
            time.sleep(PAUSE)
            play(step, min(count, 3))
            before, begun = waited(), time.perf_counter()
            play(step, count)
            seconds = time.perf_counter() - begun
            blocks[who].append((seconds / count, (waited() - before) / seconds))

    gc.disable()
    try:
        benchmark.pedantic(play, args=(steps["ours"], calls["ours"]), setup=one_round, rounds=config.getoption("rounds"))
    finally:
        gc.enable()
    medians = {who: median_of_quiet(block) for who, block in blocks.items()}
    seconds = {who: median for who, (median, _) in medians.items()}
    ratios = {who: median / seconds["ours"] for who, median in seconds.items() if who != "ours"}
    row = {"title": title, "seconds": seconds, "ratios": ratios, "quiet": {who: count for who, (_, count) in medians.items()}}
    benchmark.extra_info.update(row)
    rows.append(row)
