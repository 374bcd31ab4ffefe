"""Judge the options of an optimizer that are off by default: what it follows with each of them on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..report import sentences
from ..result import Option
from .algorithm import WRAPPERS
from .conventions import AXES, Convention
from .matching import Candidates, Measurement, Runs, float_candidates, in_wider_storages, measure, neighbours, setting_of
from .runner import OptimizerReport, OptionRun
from .search import find_mistakes
from .visits import OptimizerRun

Ranking = Callable[[Convention, Mapping[str, Any]], Any]  # how far a convention is from what settings say; the smallest is taken
IgnoredSettings = Callable[[Convention, Mapping[str, Any]], list[str]]


@dataclass(frozen=True)
class JudgedOption:
    """An option with what was found, the run that shows it, and the convention to hold it against where it deviates."""

    option: Option
    runs: Runs
    follows: Convention | None
    expected: Convention | None = None

    @property
    def clause(self) -> str:
        """Return what is followed with the option on."""
        return sentences.with_option(self.option)

    @property
    def sentence(self) -> str:
        """Return the same as a sentence."""
        return f" W{self.clause[1:]}."


def judge_options(
    report: OptimizerReport,
    best: Convention,
    expected: Convention | None,
    inferred: Mapping[str, float],
    *,
    rank: Ranking,
    ignored: IgnoredSettings,
) -> list[JudgedOption]:
    """Return what an optimizer follows with each option on that it did not refuse."""
    judged = []
    for option in report.options:
        if option.run is not None:
            run = replace(option.run, hyper={**option.run.hyper, **inferred})
            settings = {**report.used_settings, **option.settings}
            followed = measure_in_storages(best, expected, run) or find_mistakes((run,), settings)
            members = [measurement.convention for measurement in followed]
            follows = expected if expected in members else min(members, key=lambda member: rank(member, settings), default=None)
            is_unused = follows is not None and any(text.startswith(f"{option.name} = ") for text in ignored(follows, settings))
            if is_unused and option.name in (*report.unused, *options_of_a_base(report)):
                continue
            is_due = expected is None or follows == expected or not uses(expected, option, ignored)
            conforms = follows is not None and is_due and not is_unused and (follows.right or follows == expected)
            identifier, name = (follows.id, follows.name) if follows else (None, None)
            outcome = Option(option.name, option.settings, identifier, name, conforms)
            judged.append(JudgedOption(outcome, (run,), follows, None if conforms or is_due else expected))
    return judged


def options_of_a_base(report: OptimizerReport) -> Iterable[str]:
    """Return the options that may do nothing, since the optimizer takes those of all optimizers."""
    return [option.name for option in report.options] if report.unused else []


def uses(convention: Convention, option: OptionRun, ignored: IgnoredSettings) -> bool:
    """Return whether a convention depends on an option."""
    return not any(text.startswith(f"{option.name} = ") for text in ignored(convention, option.settings))


def measure_in_storages(best: Convention, expected: Convention | None, run: OptimizerRun) -> list[Measurement]:
    """Return the conventions that a run follows; with an option on, a program of a narrow format may round more than without it."""
    searched = [measure_followed(best, expected, (known,)) for known in in_wider_storages(run)]
    alike = [followed for followed in searched if any(known.convention.family == best.family for known in followed)]
    return next((followed for followed in (*alike, *searched) if followed), [])


def measure_followed(best: Convention, expected: Convention | None, runs: Runs) -> list[Measurement]:
    """Return the conventions that runs follow: those next to the convention that is followed without the option, or any."""
    setting = setting_of(runs)
    wrapped = [
        replace(best, **{axis: value}) for axis in WRAPPERS for value in AXES[axis] if setting.can_distinguish(best.family, axis, value)
    ]
    near = float_candidates(dict.fromkeys([*([expected] if expected else []), best, *wrapped, *neighbours(best, setting)]), runs)
    matching = [measurement for measurement in (measure(convention, runs) for convention in near) if measurement.follows]
    if any(measurement.convention.right or measurement.convention == expected for measurement in matching):
        return matching
    return Candidates(runs).following() or matching
