"""Ask the kit in this process: quick, for subjects that behave."""

from trainspec.spec.conformance.implementation import subject_of
from trainspec.spec.conformance.optimizers.runner import Task, run_all
from trainspec.spec.conformance.optimizers.verdict import convention_named, verdict_on


def ask(target, command="check", against=None, dtype="float64", names=None, **settings):
    name = target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"
    task = Task(name, settings, names or {}, dtype)
    return verdict_on(run_all(subject_of(name), task), task, command, convention_named(against) if against else None)


def ask_function(target, against=None, dtype="float64", names=None, **options):
    """Ask about a function in this process."""
    from trainspec.spec.conformance.functions.runner import Here
    from trainspec.spec.conformance.functions.verdict import check_function

    return check_function(target, against, options.pop("settings", {}), names, dtype, child=Here, **options)
