"""Every generated file is what its generator makes now; `nox -s regenerate` renews them."""

import pytest

from .support.regenerate import GENERATED


@pytest.mark.parametrize("generated", GENERATED, ids=lambda generated: generated.path)
def test_generated_files_are_current(generated):
    assert not generated.problems()
