"""The package `trainspec`: what `import trainspec` has, what it costs, and how it is typed."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import trainspec

ROOT = Path(__file__).parent.parent

USER_SCRIPT = '''
"""What a user writes, with types."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from trainspec import __version__, assert_conforms, check, identify, parametrize_with_checks, presets, tolerance
from trainspec.reference.adam import AdamState, adam

installed: str = __version__
paper: dict[str, Any] = presets("optimizers.adam")["paper"]
theta: NDArray[np.floating[Any]] = np.ones(3)
theta, state = adam(theta, np.ones(3), AdamState(np.zeros(3), np.zeros(3), 0), **paper)
assert_conforms(theta, "optimizers.clip.value", theta, largest=2.0)
allowed: NDArray[np.floating[Any]] = tolerance("optimizers.clip.value", theta, largest=2.0, dtype="bfloat16", compute="float32").bound
code: int = check("torch.optim:Adam", {"eps": 1e-6}).exit_code + identify("torch.optim:Adam").exit_code


@parametrize_with_checks(["torch.optim:Adam"])
def test_conforms(subject: Any, check: Any) -> None:
    check(subject)
'''


def test_public_names():
    assert dir(trainspec) == sorted(trainspec.__all__)
    assert all(getattr(trainspec, name) is not None for name in trainspec.__all__)
    assert trainspec.__version__ == version("trainspec")
    with pytest.raises(AttributeError, match="has no attribute 'chek'"):
        _ = trainspec.chek


def loaded_after(statement):
    code = (
        f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*sorted(name.partition('.')[0] for name in set(sys.modules) - before))"
    )
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_trainspec_costs_nothing():
    assert loaded_after("import trainspec") - set(sys.stdlib_module_names) == {"trainspec"}


def test_presets_need_no_numerics():
    loaded = loaded_after("import trainspec; trainspec.presets('optimizers.adam')")
    assert not loaded & {"numpy", "sympy", "hypothesis", "numba", "flint", "torch"}


def check_types(tmp_path, script):
    """Run mypy --strict on a user's script; the package is laid out as it is installed."""
    package = tmp_path / "trainspec"
    package.mkdir()
    for name in ("__init__.py", "py.typed"):
        (package / name).symlink_to(ROOT / "package" / name)
    for name in ("reference", "spec", "fast"):
        (package / name).symlink_to(ROOT / name)
    (tmp_path / "user.py").write_text(script, encoding="utf-8")
    options = ("--strict", "--follow-imports=silent", "--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache"))
    return subprocess.run([sys.executable, "-m", "mypy", *options, "user.py"], cwd=tmp_path, capture_output=True, text=True, check=False)


def test_a_users_script_is_clean_under_mypy(tmp_path):
    pytest.importorskip("mypy")
    result = check_types(tmp_path, USER_SCRIPT)
    assert result.returncode == 0, result.stdout


def test_a_users_mistake_is_found_by_mypy(tmp_path):
    pytest.importorskip("mypy")
    result = check_types(tmp_path, "from trainspec import presets\n\nnumber: int = presets('optimizers.adam')\n")
    assert "Incompatible types in assignment" in result.stdout
