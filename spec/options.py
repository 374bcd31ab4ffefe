"""Options that several commands of the command line have."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any

import click

WIDE = ["float64", "float32"]
dtype_option = click.option("--dtype", type=click.Choice(WIDE), default="float64", show_default=True)
format_option = click.option(
    "--dtype",
    type=click.Choice([*WIDE, "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]),
    default="float64",
    show_default=True,
    help="The format of arrays.",
)


def with_workforce(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of commands that spread their tasks, which hand over who does them, and whether all are done anew."""
    options = (
        click.option("--workers", "--jobs", type=click.IntRange(min=1), help="Processes here; as many as there are cores unless given."),
        click.option("--cluster", metavar="ADDRESS", help="The scheduler of a dask cluster that computes, as tcp://host:8786."),
        click.option("--fresh", is_flag=True, help="Compute everything again, also what was computed before and has not changed since."),
    )

    @functools.wraps(command)
    def with_tasks(*arguments: Any, workers: int | None, cluster: str | None, **others: Any) -> None:
        from .tasks import Workforce

        if workers and cluster:
            raise click.UsageError("either --workers or --cluster does the work")
        command(*arguments, workforce=Workforce(workers or 0, cluster or ""), **others)

    for option in reversed(options):
        with_tasks = option(with_tasks)
    return with_tasks


def json_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of JSON: over several lines for people, or on one line for programs that read line by line."""
    command = click.option("--json-line", "as_json", flag_value="line", help="The same on one line.")(command)
    words = "Print JSON with stable keys; `trainspec schema` describes it."
    return click.option("--json", "as_json", flag_value="indented", help=words)(command)


def split_names(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    """Return the names in a text that separates them by commas."""
    return tuple(filter(None, text.split(",")))


def parse_settings(_context: click.Context, _option: click.Parameter, settings: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings name=value, the values Python literals."""
    parsed = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not (name.isidentifier() and equals):
            raise click.BadParameter(f"must be name=value, such as momentum=0.9, got {setting!r}")
        try:
            parsed[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            raise click.BadParameter(f"{name} must be a Python literal, such as 0.9 or True, got {text}") from None
    return parsed


def parse_names(_context: click.Context, _option: click.Parameter, names: tuple[str, ...]) -> dict[str, str]:
    """Return the names theirs=ours."""
    if wrong := [name for name in names if name.count("=") != 1]:
        raise click.BadParameter(f"must be theirs=ours, such as beta=momentum, got {wrong[0]!r}")
    return dict(name.split("=") for name in names)


command_option = click.option("--command", metavar="COMMAND", help="A program in any language that answers the protocol, as in './adamw'.")
SUBJECT_OPTIONS = (
    click.argument("subject", required=False),
    command_option,
    click.option(
        "--set", "settings", multiple=True, callback=parse_settings, metavar="NAME=VALUE", help="A hyper-parameter; may be repeated."
    ),
    click.option(
        "--names",
        multiple=True,
        callback=parse_names,
        metavar="THEIRS=OURS",
        help="A hyper-parameter of the subject by another name; may be repeated.",
    ),
    format_option,
    click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True, help="Seconds to run in."),
    click.option("--report", type=click.Path(dir_okay=False), help="Write the result to a file, with what it was graded against."),
    json_option,
)


def with_subject(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the commands that run an implementation."""
    for option in reversed(SUBJECT_OPTIONS):
        command = option(command)
    return command


def subject_of(subject: str | None, command: str | None) -> str:
    """Return the name of a subject: the one that is named, or a program."""
    from .conformance.command import PREFIX

    if (subject is None) == (command is None):
        raise click.UsageError("name either a SUBJECT or a program, by --command")
    return PREFIX + command if command is not None else str(subject)
