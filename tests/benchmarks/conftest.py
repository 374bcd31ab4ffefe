"""Sizes by whether times are wanted, and the table of ratios at the end of the run."""

SMALL = [(10**power, "float32") for power in (3, 4, 5)]
LARGE = [(10**6, "float32"), (10**7, "float32"), (10**6, "float64")]

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
