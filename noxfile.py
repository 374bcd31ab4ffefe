"""Sessions of nox.

quick, verify, kernel, tests, lint, types, regenerate, bench, mutants, fuzz, roundings, vectors,
site, browser, coverage, minimums, peers, reorderings, hostile.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nox

HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["verify", "tests", "lint", "types"]
nox.options.default_venv_backend = "virtualenv"


def starts(version):
    """Return whether this Python is present and starts."""
    try:
        return subprocess.run([f"python{version}", "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


PRESENT = [CURRENT, *(version for version in ("3.11", "3.12", "3.13") if version != CURRENT and starts(version))]


@nox.session(python=CURRENT)
def verify(session):
    """Verify the catalogue and print the ledger."""
    session.install(".")
    session.run("trainspec", "verify", *session.posargs)


@nox.session(python=CURRENT)
def kernel(session):
    """Have the proofs checked by the kernel of the proof assistant Coq, if it is installed."""
    if shutil.which("coqc") is None:
        session.skip("coqc is not installed (Debian: coq and libcoq-coquelicot)")
    session.install(".")
    session.run("trainspec", "kernel", *session.posargs)


PARALLEL = ("-n", "auto", "--dist", "worksteal")  # neighbours run in one process, which has compiled what they use


@nox.session(python=CURRENT, reuse_venv=True)
def quick(session):
    """Check before a commit: style, words, the evidence that has changed since the last run, and what every formula must have."""
    session.install("-e", ".[test]", "ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "-m", "tests.support.language")
    session.run("trainspec", "verify", silent=True)
    session.run("pytest", *PARALLEL, "-q", "tests/test_architecture.py", "tests/spec/test_catalogue.py", "tests/reference")


@nox.session(python=PRESENT)
def tests(session):
    """Run the tests on every supported Python that is present."""
    session.install(".[test,browser]")
    session.run("pytest", *PARALLEL, "-rs", *session.posargs)


@nox.session(python=CURRENT)
def peers(session):
    """Run the tests that need other libraries, and print which convention each of them follows."""
    session.install(".[test,peers]")
    session.run("pytest", *PARALLEL, *(session.posargs or ["tests/spec", "tests/fast", "tests/benchmarks"]))
    session.run("trainspec", "matrix")


@nox.session(python=CURRENT)
def libraries(session):
    """Ask other libraries which conventions they follow, and record the answers, which the site shows."""
    session.install(".[peers]")
    with Path("spec/site/libraries.json").open("w", encoding="utf-8") as rows:
        session.run("trainspec", "matrix", "--json", *session.posargs, stdout=rows)


TIMED = ("--benchmark-enable", "--benchmark-only", "--benchmark-columns=median", "-s")


@nox.session(python=CURRENT)
def bench(session):
    """Time the kernels against NumPy, with `-- peers` against other libraries; write bench.json. `-- --compare A B`: two commits."""
    if "--compare" in session.posargs:
        compare(session, *session.posargs[session.posargs.index("--compare") + 1 :])
        return
    session.install(".[test,peers]" if "peers" in session.posargs else ".[test]")
    options = [option for option in session.posargs if option != "peers"]
    session.run("pytest", "tests/benchmarks", *TIMED, "--benchmark-json=bench.json", *options)


def compare(session, before, after, *options):
    """Time the kernels at two commits in turn, each in its own environment, with this checkout's benchmarks; print the ratios."""
    files = {before: [], after: []}
    for commit in files:
        home = Path(session.create_tmp()) / commit
        if not home.exists():
            session.run("git", "clone", "-q", str(HERE), str(home), external=True)
            session.run("git", "-C", str(home), "checkout", "-q", commit, external=True)
            session.run(sys.executable, "-m", "venv", str(home / "venv"), external=True)
            session.run(str(home / "venv/bin/pip"), "install", "-q", f"{home}[test]", external=True)
    for turn in range(3):
        for commit, runs in files.items():
            home = Path(session.create_tmp()) / commit
            runs.append(str(home / f"{turn}.json"))
            python, report = str(home / "venv/bin/python"), f"--benchmark-json={runs[-1]}"
            session.run(python, "-m", "pytest", "tests/benchmarks", *TIMED, report, *options, external=True)
    session.run(sys.executable, "-m", "tests.benchmarks.difference", *files[before], "--", *files[after], external=True)


@nox.session(python=CURRENT)
def mutants(session):
    """Break every formula in one place at a time, and in one region of its arguments at a time, and see that the evidence notices."""
    session.install(".")
    session.run("trainspec", "mutants", *session.posargs)
    session.run("trainspec", "mutants", "--regions", *session.posargs)


@nox.session(python=CURRENT)
def fuzz(session):
    """Judge random claims in symbols and tensors, 100000 or `-- COUNT SEED`, with `--workers` or `--cluster`: no false one may hold."""
    session.install(".[test]")
    session.run("python", "-m", "tests.spec.evidence.fuzzing", *session.posargs)


@nox.session(python=CURRENT)
def roundings(session):
    """Round programs of all formulas in many ways, 100000 in each format or `-- COUNT SEED`: none may exceed its bound."""
    session.install(".[test]")
    session.run("python", "-m", "tests.spec.arithmetic.narrow_programs", *session.posargs)


@nox.session(python=CURRENT)
def vectors(session):
    """Write the vectors of all entries, `-- --check` compares them byte for byte; then replay all changes of the formulas on them."""
    session.install(".[test]")
    session.run("trainspec", "vectors", *session.posargs)
    session.run("python", "-m", "tests.vectors.replay")


@nox.session(python=CURRENT)
def site(session):
    """Verify the catalogue and build the site in the folder site, or in `-- FOLDER`."""
    session.install(".[site]")
    session.run("trainspec", "site", "--verify", "--vectors", "vectors", "--out", *(session.posargs or ["site"]))


@nox.session(python=CURRENT)
def browser(session):
    """Open the site in Chromium, which has to be installed. `-- --screenshots docs/screenshots` renews the pictures of five pages."""
    session.install(".[test,browser]")
    session.run("pytest", "-q", "-rs", "tests/spec/site/test_browser.py", *session.posargs)


@nox.session(python=CURRENT)
def reorderings(session):
    """Judge correct implementations in random orders of operations, 10000 or `-- COUNT --dtypes float16 bfloat16`: none may be rejected."""
    session.install(".")
    session.run("python", "-m", "tests.spec.conformance.reordering", *session.posargs)


@nox.session(python=CURRENT)
def hostile(session):
    """Check all hostile subjects, or those whose names have the words `-- WORD…`: each has one valid answer and leaves nothing behind."""
    session.install(".[test]")
    session.run("python", "-m", "tests.spec.conformance.hostile_runs", *session.posargs)


@nox.session(python=CURRENT)
def coverage(session):
    """Report the lines and branches that the tests reach; kernels are compiled and do not count."""
    session.install(".[test]")
    session.run("pytest", *PARALLEL, "--cov", "--cov-report=term-missing:skip-covered", *session.posargs)


@nox.session(python=CURRENT)
def lint(session):
    """Check style, formatting, and the names and words of the project."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "-m", "tests.support.language")


@nox.session(python=CURRENT)
def regenerate(session):
    """Rewrite every generated file and table; with `-- --check` fail if one is stale; `-- PATH…` for some of them."""
    session.install(".[test]")
    session.run("python", "-m", "tests.support.regenerate", *session.posargs)


@nox.session(python=CURRENT)
def types(session):
    """Check the types of the installed wheel."""
    session.install(".[cluster,site]", "mypy>=1.15", "types-jsonschema")
    config = HERE / "pyproject.toml"
    session.chdir(session.create_tmp())
    session.run("mypy", "--config-file", str(config), "-p", "trainspec.reference", "-p", "trainspec.spec", "-p", "trainspec.fast")


@nox.session(python="3.11")
def minimums(session):
    """Run the tests on the lowest versions that pyproject.toml admits."""
    extras = PROJECT["optional-dependencies"]
    requirements = [*PROJECT["dependencies"], *extras["site"], *extras["test"]]
    session.install(*(requirement.replace(">=", "==") for requirement in requirements if not requirement.startswith("trainspec[")))
    session.install("--no-deps", ".")
    session.run("pytest", *PARALLEL, *session.posargs)
