"""The command `trainspec`: list, show and verify the catalogue; check implementations against it.

Exit codes: 0 holds or conforms, 1 refuted, unknown or deviates, 2 could not run.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from .catalogue import Entry, Erratum
    from .ledger import Ledger

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON with stable keys.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trainspec")
def main() -> None:
    """The formulas by which deep networks are trained: stated, proven, and checked."""


def console(*, stderr: bool = False) -> Console:
    """A terminal, or plain text where there is none."""
    from rich.console import Console

    out = Console(stderr=stderr, highlight=False)
    return out if out.is_terminal else Console(stderr=stderr, highlight=False, width=140)


def print_json(data: Any) -> None:
    """JSON on standard output."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def entry_or_exit(identifier: str) -> Entry:
    """The entry of an id, or exit code 2 with the nearest ids."""
    import difflib

    from .catalogue import catalogue

    try:
        return catalogue().find(identifier)
    except KeyError:
        near = difflib.get_close_matches(identifier, catalogue().entries, n=3, cutoff=0.4)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `trainspec list` shows all ids"
        raise click.UsageError(f"no entry has the id {identifier!r}{hint}") from None


@main.command("list")
@click.option("--chapter", help="One chapter only.")
@json_option
def list_entries(chapter: str | None, as_json: bool) -> None:
    """List the entries of the catalogue."""
    from rich.table import Table

    from .catalogue import catalogue

    known = catalogue()
    if chapter is not None and chapter not in known.chapters:
        raise click.UsageError(f"no chapter is called {chapter!r}: there are {', '.join(known.chapters)}")
    entries = [entry for entry in known.entries.values() if chapter in (None, entry.chapter)]
    if as_json:
        keys = ("id", "chapter", "kind", "status", "title")
        print_json([{**{key: getattr(entry, key) for key in keys}, "errata": list(entry.errata)} for entry in entries])
        return
    table = Table(title=f"{len(entries)} entries")
    for column in ("id", "kind", "status", "errata", "title"):
        table.add_column(column, no_wrap=column == "id")
    for entry in entries:
        table.add_row(entry.id, entry.kind, entry.status, " ".join(entry.errata), entry.title)
    console().print(table)


@main.command()
@click.argument("identifier", metavar="ID")
@json_option
def show(identifier: str, as_json: bool) -> None:
    """Show one entry: statement, domain, source code, variants, errata, evidence."""
    from .show import as_text, description

    described = description(entry_or_exit(identifier))
    if as_json:
        print_json(described)
    else:
        console().print(as_text(described))


@main.command()
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@click.option("--jobs", type=click.IntRange(min=1), help="Worker processes; as many as there are cores unless given.")
@click.option("--full", is_flag=True, help="Long reproductions in their full form.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for one piece: 120, and 1800 of a full run, unless given."
)
@json_option
def verify(identifiers: tuple[str, ...], jobs: int | None, full: bool, timeout: float | None, as_json: bool) -> None:
    """Run the evidence of all entries, or of those named, and print the ledger."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from .catalogue import catalogue
    from .evidence import load
    from .ledger import evidence_for, printed_forms_of
    from .ledger import verify as run

    known = catalogue()
    entries = [entry_or_exit(one) for one in dict.fromkeys(identifiers)] or list(known.entries.values())
    errata = [one for one in known.errata.values() if not identifiers or any(one.id in entry.errata for entry in entries)]
    load()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("evidence", total=len(evidence_for(entries) + printed_forms_of(errata)))
        ledger = run(entries, errata, jobs=jobs or 0, timeout=timeout, full=full, report=lambda result: progress.advance(task))
    if as_json:
        print_json(ledger.as_json())
    else:
        print_ledger(ledger, errata)
    sys.exit(0 if ledger.holds else 1)


COLOUR = {"holds": "green", "refuted": "red", "unknown": "yellow"}


def print_ledger(ledger: Ledger, errata: list[Erratum]) -> None:
    """The ledger as a table: one line an entry, then the errata, then the sums."""
    from rich.markup import escape
    from rich.table import Table

    from .evidence import EVIDENCE

    out = console()
    table = Table(title="Ledger")
    for column in ("entry", "verdict", "evidence", "s"):
        table.add_column(column, no_wrap=column in ("entry", "verdict"), justify="right" if column == "s" else "left")
    for one in ledger.entries:
        kinds: dict[str, int] = {}
        for result in one.evidence:
            kind = EVIDENCE[result.name].kind
            kinds[kind] = kinds.get(kind, 0) + 1
        evidence = ", ".join(kind + (f" ×{count}" if count > 1 else "") for kind, count in kinds.items())
        evidence += f"\n{escape(one.detail)}" if one.detail else ""
        table.add_row(one.entry.id, coloured(one.verdict), evidence, f"{sum(result.seconds for result in one.evidence):.1f}")
    out.print(table)
    if errata:
        table = Table(title="Errata: holds = the printed form is refuted and the corrected one holds")
        for column in ("erratum", "verdict", "printed", "detail"):
            table.add_column(column, no_wrap=column in ("erratum", "verdict"))
        for record in ledger.errata:
            table.add_row(record.erratum.id, coloured(record.verdict), escape(record.erratum.printed), escape(record.detail))
        out.print(table)
    if len(ledger.chapters) > 1:
        table = Table(title="Chapters")
        for column in ("chapter", "entries", "evidence", "errata"):
            table.add_column(column, no_wrap=column == "chapter")
        for name, sums in ledger.chapters.items():
            table.add_row(name, *(counted(sums[what]) for what in ("entries", "evidence", "errata")))
        out.print(table)
    summary = ledger.as_json()["summary"]
    for what in ("entries", "errata"):
        out.print(f"{what}: {counted(summary[what])}")
    out.print(f"{summary['pieces']} pieces of evidence, {summary['seconds']:.1f} s of computing")


def counted(counts: dict[str, int]) -> str:
    """How many of what."""
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def coloured(verdict: str) -> str:
    """A verdict in its colour."""
    colour = COLOUR.get(verdict)
    return f"[{colour}]{verdict}[/]" if colour else verdict


def literal(_context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Pairs name=value, the values Python literals."""
    import ast

    found = {}
    for name, equals, text in (one.partition("=") for one in pairs):
        if not (name.isidentifier() and equals):
            raise click.BadParameter(f"{name + equals + text!r}: name=value is allowed, such as momentum=0.9")
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            raise click.BadParameter(f"{name}={text}: the value must be a Python literal, such as 0.9 or True") from None
    return found


def about_a_subject(command: Any) -> Any:
    """The options of the commands that drive an implementation."""
    options = (
        click.argument("subject"),
        click.option(
            "--set", "settings", multiple=True, callback=literal, metavar="NAME=VALUE", help="A hyper-parameter; may be repeated."
        ),
        click.option(
            "--names", multiple=True, metavar="THEIRS=OURS", help="A hyper-parameter of the subject by another name; may be repeated."
        ),
        click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True),
        click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True, help="Seconds to run in."),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def answer(question: str, subject: str, settings: dict[str, Any], names: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Ask the kit, print what it says, and exit accordingly."""
    from . import conformance
    from .conformance.report.terminal import as_text

    if strange := [one for one in names if one.count("=") != 1]:
        raise click.BadParameter(f"{strange[0]!r}: theirs=ours is allowed, such as beta=momentum", param_hint="--names")
    try:
        result = getattr(conformance, question)(subject, settings, names=dict(one.split("=") for one in names), **options)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    if as_json:
        print_json(result.as_json())
    else:
        console().print(as_text(result))
    sys.exit(result.exit_code)


@main.command()
@about_a_subject
@click.option("--against", metavar="CONVENTION", help="The convention, or the formula of a function: a name, or an id of the catalogue.")
@click.option(
    "--evidence/--no-evidence",
    default=None,
    help="A function meets the pieces of evidence of its entry; if it conforms, unless told not to.",
)
@click.option("--prove", is_flag=True, help="A function is executed on symbols: where that succeeds the verdict is a proof.")
def check(**given: Any) -> None:
    """Check whether an implementation conforms: `torch.optim:SGD`, `mine.py:MyMomentum`, or a function with --against."""
    answer("check", **given)


@main.command()
@click.argument("family")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True)
@click.option("--mistakes", is_flag=True, help="The wrong ones too.")
@json_option
def separation(family: str, dtype: str, mistakes: bool, as_json: bool) -> None:
    """How far apart the conventions of a family are on the fixtures, in units of the running bound."""
    from .conformance.optimizers.conventions import FAMILIES
    from .conformance.optimizers.separation import as_table
    from .conformance.optimizers.separation import separation as distances_of

    if family not in FAMILIES:
        raise click.UsageError(f"no family is called {family!r}: there are {', '.join(FAMILIES)}")
    conventions, distances = distances_of(family, dtype, mistaken=None if mistakes else False)
    if as_json:
        print_json({"family": family, "dtype": dtype, "conventions": [one.id for one in conventions], "distances": distances.tolist()})
    else:
        console().print(as_table(family, conventions, distances, dtype))


@main.command()
@about_a_subject
@click.option("--against", metavar="ID", help="Of a function: the formula of the catalogue that it is a variant of.")
def identify(**given: Any) -> None:
    """Name the convention that an implementation follows, right or wrong."""
    answer("identify", **given)


@main.command()
@click.option("--library", "libraries", multiple=True, metavar="NAME", help="One library only; may be repeated.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Libraries at a time.")
@click.option("--markdown", is_flag=True, help="Print a table in Markdown.")
@json_option
def matrix(libraries: tuple[str, ...], jobs: int, markdown: bool, as_json: bool) -> None:
    """Say which convention every installed library follows, formula by formula.

    It is a survey, so its exit code is 0 whatever it finds, and 2 where nothing could be asked.
    """
    from .conformance.report import matrix as survey

    wanted = libraries or survey.known()
    notes = console(stderr=True)
    try:
        cells = survey.matrix(wanted, jobs, lambda one: notes.print(f"{one}: done", style="dim"))
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    for one in survey.absent(wanted):
        notes.print(f"{one} is not installed, and left out")
    if as_json:
        print_json(survey.as_json(cells))
    elif markdown:
        click.echo(survey.as_markdown(cells))
    else:
        console().print(survey.as_table(cells))
    sys.exit(0 if cells else 2)
