"""Sizes by whether times are wanted, interleaved times, and the table of ratios at the end of the run."""

import gc
import random
import statistics
import time

SMALL = [(10**power, "float32") for power in (3, 4, 5)]
LARGE = [(10**6, "float32"), (10**7, "float32"), (10**6, "float64")]

ROUNDS, BLOCK, PAUSE = 21, 6e-3, 1e-2  # seconds a block of calls, and before it

rows = []


def timed(config):
    return config.getoption("benchmark_enable") or not config.getoption("benchmark_disable")


def pytest_generate_tests(metafunc):
    if "size" in metafunc.fixturenames:
        metafunc.parametrize(("size", "dtype"), SMALL + LARGE if timed(metafunc.config) else SMALL)


def pytest_terminal_summary(terminalreporter):
    if not rows:
        return
    peers = sorted({peer for _, _, ratios in rows for peer in ratios})
    terminalreporter.section("time of a peer / time of ours (medians of one interleaved run)")
    terminalreporter.write_line(f"{'':44}{'ours, µs':>10}" + "".join(f"{peer:>16}" for peer in peers))
    for name, seconds, ratios in rows:
        cells = (f"{ratios[peer]:16.2f}" if peer in ratios else " " * 16 for peer in peers)
        terminalreporter.write_line(f"{name:44}{seconds * 1e6:10.2f}" + "".join(cells))


def calls_a_block(step):
    step()
    begun = time.perf_counter()
    step()
    return max(1, int(BLOCK / max(time.perf_counter() - begun, 1e-7)))


def play(step, calls):
    for _ in range(calls):
        step()


def compare(benchmark, config, title, steps):
    """Time all candidates, where times are wanted, interleaved: they share the cores, so in random order each round, warm, after a pause
    in which the workers of the others go to sleep.
    """
    if not timed(config):
        benchmark.pedantic(steps["ours"], rounds=1)
        return
    calls = {who: calls_a_block(step) for who, step in steps.items()}
    times = {who: [] for who in steps}
    order, shuffle = list(steps), random.Random(0).shuffle

    def one_round():
        shuffle(order)
        for who in order:
            step, count = steps[who], calls[who]
            time.sleep(PAUSE)
            play(step, min(count, 3))
            begun = time.perf_counter()
            play(step, count)
            times[who].append((time.perf_counter() - begun) / count)

    gc.disable()
    try:
        benchmark.pedantic(play, args=(steps["ours"], calls["ours"]), setup=one_round, rounds=ROUNDS)
    finally:
        gc.enable()
    medians = {who: statistics.median(one) for who, one in times.items()}
    ratios = {who: median / medians["ours"] for who, median in medians.items() if who != "ours"}
    benchmark.extra_info.update(calls=calls["ours"], seconds=medians["ours"], ratios=ratios)
    rows.append((title, medians["ours"], ratios))
