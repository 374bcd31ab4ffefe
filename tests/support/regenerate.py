"""The files and tables that are generated, and how: `python -m tests.support.regenerate [--check] [PATH…]`.

Without --check the files are rewritten. With it nothing is written; the exit code is 1 if a file is not what its generator makes.
The tests run the same check. A file that takes minutes to make has a check of its own, which looks at its structure.
"""

from __future__ import annotations

import pkgutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Generated(NamedTuple):
    """A file, the function from its present text to the right one, and for a slow one the function that lists what is wrong with a text."""

    path: str
    generator: str
    checker: str = ""

    def new_text(self) -> str:
        """Return the text that the file should have."""
        text: str = pkgutil.resolve_name(self.generator)(self.text())
        return text

    def text(self) -> str:
        """Return the text that the file has, or nothing if it is missing."""
        return (ROOT / self.path).read_text(encoding="utf-8") if (ROOT / self.path).exists() else ""

    def problems(self) -> list[str]:
        """Return why the file is stale."""
        if self.checker:
            return [f"{self.path}: {problem}" for problem in pkgutil.resolve_name(self.checker)(self.text())]
        return [] if self.text() == self.new_text() else [f"{self.path} is not what {self.generator} makes"]


GENERATED = (
    Generated("README.md", "tests.support.front_page:renewed"),
    Generated("docs/kernels.md", "tests.fast.kernel_accuracy:current_text", "tests.fast.kernel_accuracy:problems"),
    Generated("spec/site/kernels.json", "tests.fast.kernel_accuracy:current_errors_by_size", "tests.fast.kernel_accuracy:problems_by_size"),
    Generated("spec/conformance/result.schema.json", "trainspec.spec.conformance.result_schema:schema_text"),
)


def main(arguments: list[str]) -> int:
    """Rewrite the generated files, or check them; return 1 if a check fails."""
    paths = [argument for argument in arguments if argument != "--check"]
    selected = [generated for generated in GENERATED if not paths or generated.path in paths]
    if "--check" in arguments:
        problems = [problem for generated in selected for problem in generated.problems()]
        print("\n".join(problems) or "all generated files are current")
        return min(len(problems), 1)
    for generated in selected:
        (ROOT / generated.path).write_text(generated.new_text(), encoding="utf-8")
        print(generated.path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
