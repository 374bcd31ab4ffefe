"""The command `trainspec`: list, show and verify the catalogue; check implementations against it.

Exit codes: 0 holds or conforms, 1 refuted, unknown or deviates, 2 could not run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import dtype_option, json_option, split_names, subject_of, with_subject, with_workforce
from .terminal import console, print_json, progress_bar

if TYPE_CHECKING:
    from .catalogue import Entry, Erratum
    from .tasks import Workforce


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trainspec")
def main() -> None:
    """The formulas by which deep networks are trained: stated, proven, and checked."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a name that is not known, or a setting that is not allowed, into a message and exit code 2."""
    from .catalogue import UnknownNameError

    try:
        yield
    except UnknownNameError as problem:
        raise click.UsageError(str(problem)) from None
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None


def find_entry(name: str) -> Entry:
    """Return the entry of a name, or exit with code 2 and the names that are spelled like it."""
    from .catalogue import catalogue

    with usage_errors():
        return catalogue().find(name)


# --- the catalogue -------------------------------------------------------------------------------------------------------


@main.command("list")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--chapter", metavar="NAME", help="One chapter only.")
@click.option("--deck", metavar="ABBREVIATION", help="What a lecture deck states; `trainspec decks` lists them.")
@click.option("--slide", metavar="TITLE", help="What a slide states: its title, or a part of one that is cited.")
@click.option("--kind", metavar="KIND", help="formula, statement, presets or qualitative.")
@click.option("--status", metavar="STATUS", help="Such as erratum or overclaim; `trainspec decks` explains them.")
@click.option("--errata", is_flag=True, help="The errata in the place of the entries.")
@click.option("--tables", is_flag=True, help="The entries that reproduce a printed table.")
@json_option
def list_records(words: tuple[str, ...], *, errata: bool, tables: bool, as_json: bool, **filters: str | None) -> None:
    """List the entries of the catalogue, or its errata: those in which every WORD occurs, and which fit the options."""
    from .queries import list_entries, list_errata
    from .terminal import print_entries, print_errata

    check_filters(filters)
    with usage_errors():
        if errata:
            if any(filters.pop(name) for name in ("kind", "status")) or tables:
                raise ValueError("errata have no kind, status or tables: leave out --errata or these options")
            known_errata = list_errata(words, **filters)
            print_json(known_errata) if as_json else print_errata(known_errata)
        else:
            entries = list_entries(words, with_tables=tables, **filters)
            print_json(entries) if as_json else print_entries(entries)
    if not as_json and not (known_errata if errata else entries):
        click.echo("nothing in the catalogue fits: every word must occur, and every option fit", err=True)


def check_filters(filters: dict[str, str | None]) -> None:
    """Exit with code 2 if a filter names what does not exist, with the names that do."""
    from .catalogue import KINDS, STATUSES, catalogue, decks

    if filters["deck"]:
        filters["deck"] = filters["deck"].upper()
    for option, names in (("chapter", catalogue().chapters), ("deck", decks()), ("kind", KINDS), ("status", STATUSES)):
        if filters[option] is not None and filters[option] not in names:
            raise click.UsageError(f"there is no {option} {filters[option]!r}; there are {', '.join(names)}")


@main.command()
@click.argument("identifier", metavar="ID")
@click.option("--all", "everything", is_flag=True, help="Long lists of presets and the figures of tables too.")
@click.option("--evidence", is_flag=True, help="The pieces of evidence themselves: their code.")
@click.option("--latex", is_flag=True, help="The formula as LaTeX, and nothing else.")
@click.option("--web", is_flag=True, help="The page of the site, in a browser.")
@json_option
def show(identifier: str, *, everything: bool, evidence: bool, latex: bool, web: bool, as_json: bool) -> None:
    """Show an entry or an erratum: an id such as optimizers.adam or E07, an alias, or the name of a function."""
    from .catalogue import catalogue

    if web:
        with needed_for_site():
            from .site.command import open_page
        with usage_errors():
            click.echo(open_page(identifier))
    elif identifier[:1] in "eE" and identifier[1:].isdigit():
        with usage_errors():
            show_erratum(catalogue().find_erratum(identifier), evidence=evidence, latex=latex, as_json=as_json)
    elif latex:
        show_latex(find_entry(identifier), as_json=as_json)
    else:
        show_entry(find_entry(identifier), everything=everything, evidence=evidence, as_json=as_json)


def show_entry(entry: Entry, *, everything: bool, evidence: bool, as_json: bool) -> None:
    """Print an entry, or the code of its evidence."""
    from .description import describe_entry
    from .show import entry_text, evidence_text

    answer = describe_entry(entry, with_figures=everything or as_json)
    if as_json:
        print_json(answer)
        return
    output = console()
    output.print(evidence_text(answer["evidence"], output.width) if evidence else entry_text(answer, output.width, everything=everything))


def show_erratum(erratum: Erratum, *, evidence: bool, latex: bool, as_json: bool) -> None:
    """Print an erratum, with the code of its printed forms if evidence is asked for."""
    from .description import describe_erratum
    from .show import erratum_text

    if latex:
        raise ValueError(f"{erratum.id} is an erratum, not a formula: it has no LaTeX")
    answer = describe_erratum(erratum)
    if as_json:
        print_json(answer)
    else:
        output = console()
        output.print(erratum_text(answer, output.width, with_evidence=evidence))


def show_latex(entry: Entry, *, as_json: bool) -> None:
    """Print a formula as LaTeX, or exit with code 2 and the reason why there is none."""
    from ..reference import FORMULAS
    from .latex import latex_of

    if entry.id not in FORMULAS:
        raise click.UsageError(f"{entry.id} is no formula (its kind: {entry.kind}), so that it has no LaTeX")
    text = latex_of(FORMULAS[entry.id]).text
    if as_json:
        print_json({"id": entry.id, "latex": text})
    else:
        click.echo(text)


@main.command()
@click.argument("deck", required=False)
@json_option
def decks(deck: str | None, *, as_json: bool) -> None:
    """Explain the lecture decks and the words in lists; with DECK, list its slides and what cites them."""
    from .queries import describe_decks
    from .terminal import print_decks

    with usage_errors():
        answer = describe_decks(deck and deck.upper())
    print_json(answer) if as_json else print_decks(answer, with_slides=deck is not None)


@main.command()
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@with_workforce
@click.option("--full", is_flag=True, help="Long reproductions in their full form.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds of processor time for one piece: 120, and 1800 of a full run, unless given.",
)
@json_option
def verify(identifiers: tuple[str, ...], *, workforce: Workforce, full: bool, timeout: float | None, fresh: bool, as_json: bool) -> None:
    """Run the evidence of all entries, or of those named, and print the ledger.

    Results are kept in the user's cache folder, or where TRAINSPEC_CACHE says. What depends on nothing that has changed is not run again.
    """
    from .catalogue import catalogue, check_data
    from .evidence import load
    from .ledger import evidence_for, printed_forms_of
    from .ledger import verify as run
    from .terminal import print_ledger

    check_data()
    known = catalogue()
    entries = list({entry.id: entry for entry in map(find_entry, identifiers)}.values()) or list(known.entries.values())
    concerned = {identifier for entry in entries for identifier in entry.errata}
    errata = [erratum for erratum in known.errata.values() if not identifiers or erratum.id in concerned]
    load()
    total = len(evidence_for(entries) + printed_forms_of(errata))
    with usage_errors(), progress_bar("evidence") as advance:
        ledger = run(entries, errata, workforce=workforce, timeout=timeout, full=full, fresh=fresh, report=lambda result: advance(total))
    print_json(ledger.as_json()) if as_json else print_ledger(ledger, errata)
    sys.exit(0 if ledger.holds else 1)


@main.command()
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@with_workforce
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where the files of lemmas are written; nowhere unless given."
)
@json_option
def kernel(identifiers: tuple[str, ...], *, workforce: Workforce, folder: Path | None, fresh: bool, as_json: bool) -> None:
    """Write the proofs of all entries, or of those named, for the proof assistant Coq, and have its kernel check them.

    Results are kept as those of `verify` are. The exit code is 2 where Coq and its library Coquelicot are not installed.
    """
    from dataclasses import asdict

    from .kernel.assistant import installed
    from .kernel.check import check_all, proofs
    from .ledger import evidence_for
    from .terminal import print_kernel_results

    if not installed():
        raise click.UsageError("coqc is not installed: the Debian packages coq and libcoq-coquelicot have what is needed")
    known = proofs()
    named = set(evidence_for(map(find_entry, identifiers)))
    names = [name for name in known if not identifiers or name in named]
    with usage_errors(), progress_bar("proofs") as advance:
        results = check_all(names, workforce, folder=folder, fresh=fresh, report=advance)
    print_json([asdict(result) for result in results]) if as_json else print_kernel_results(results)


# --- the site ------------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@click.option("--regions", is_flag=True, help="Formulas that are wrong in one region of sizes or arguments.")
@click.option("--sample", type=click.IntRange(min=1), default=1, help="One in this many of the regions of each formula.")
@with_workforce
def mutants(identifiers: tuple[str, ...], *, regions: bool, sample: int, workforce: Workforce, fresh: bool) -> None:
    """Change formulas, all or those named, in one place at a time, and see that their evidence refutes each change."""
    from ..reference import FORMULAS
    from .mutants import run_and_report
    from .terminal import progress_bar

    selected = [find_entry(name).id for name in identifiers]
    with usage_errors():
        if others := [identifier for identifier in selected if identifier not in FORMULAS]:
            raise ValueError(f"{others[0]} is no formula")
    with usage_errors(), progress_bar("mutants") as advance:
        code = run_and_report(selected, regions=regions, sample=sample, workforce=workforce, fresh=fresh, report=advance)
    sys.exit(code)


@contextmanager
def needed_for_site() -> Iterator[None]:
    """Exit with code 2 and say what to install, where a package that the site needs is missing."""
    try:
        yield
    except ModuleNotFoundError as problem:
        raise click.UsageError(f"the site needs {problem.name}, which `pip install 'trainspec[site]'` installs") from None


@main.command()
@click.option(
    "--out", required=True, type=click.Path(file_okay=False), help="The folder that is written; an earlier site in it is replaced."
)
@click.option(
    "--vectors", type=click.Path(exists=True, file_okay=False), help="The folder of the vectors, which the pages then offer to download."
)
@click.option("--matrix", type=click.Path(exists=True, dir_okay=False), help="What `trainspec matrix --json` has printed.")
@click.option("--verify", "with_evidence", is_flag=True, help="Run the evidence that has no result yet; without it the pages say so.")
def site(out: str, vectors: str | None, matrix: str | None, *, with_evidence: bool) -> None:
    """Write the site: a page for every entry and erratum, as HTML that opens from the disk.

    Verdicts are those that `trainspec verify` has kept.
    """
    with needed_for_site():
        from .site.command import write_site
    with usage_errors():
        click.echo(write_site(out, vectors, matrix, with_evidence=with_evidence))


# --- the names that the kit knows ----------------------------------------------------------------------------------------


@main.command()
@click.argument("family", required=False)
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--mistakes", is_flag=True, help="The named mistakes too.")
@json_option
def conventions(family: str | None, words: tuple[str, ...], *, mistakes: bool, as_json: bool) -> None:
    """List the families of optimizers; with FAMILY, the names of its conventions that `--against` may take."""
    from .queries import list_conventions, list_families
    from .terminal import print_conventions, print_families

    if family is None:
        families = list_families()
        print_json(families) if as_json else print_families(families)
        return
    with usage_errors():
        answer = list_conventions(family, words, mistakes=mistakes)
    print_json(answer) if as_json else print_conventions(answer)


@main.command()
@click.argument("formula", metavar="ID")
@json_option
def variants(formula: str, *, as_json: bool) -> None:
    """List the ways in which implementations of a function are known to differ from it."""
    from .queries import list_variants
    from .terminal import print_variants

    with usage_errors():
        answer = list_variants(formula)
    print_json(answer) if as_json else print_variants(answer)


@main.command()
@json_option
def checks(*, as_json: bool) -> None:
    """List the checks of `parametrize_with_checks`, whose expected failures a test suite may name."""
    from .queries import list_checks
    from .terminal import print_checks

    answer = list_checks()
    print_json(answer) if as_json else print_checks(answer)


@main.command()
@click.argument("answer")
def schema(answer: str) -> None:
    """Print the JSON Schema of an answer: list, errata, show, erratum, latex, decks, families, conventions, variants, checks."""
    from .answers import ANSWERS, schema_for

    if answer not in ANSWERS:
        raise click.UsageError(f"there is no schema {answer!r}; there are {', '.join(ANSWERS)}")
    print_json(schema_for(answer))


# --- implementations -----------------------------------------------------------------------------------------------------


def ask_kit(
    question: str,
    settings: dict[str, Any],
    *,
    subject: str | None,
    command: str | None,
    against: str | None,
    report: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Ask the conformance kit, print what it answers, write a report if asked for, and exit accordingly."""
    from . import conformance
    from .catalogue import catalogue
    from .conformance.report.terminal import as_text

    formula = catalogue().ids.get(against, against) if against else None  # aliases and functions' names are ids too
    with usage_errors():
        result = getattr(conformance, question)(subject_of(subject, command), settings, against=formula, **options)
    if report:
        from .conformance.report.saved import write_report

        write_report(report, result)
    if as_json:
        print_json(result.as_json())
    else:
        console().print(as_text(result), crop=False)
    sys.exit(result.exit_code)


@main.command()
@with_subject
@click.option("--against", metavar="CONVENTION", help="The convention, or the formula of a function: a name, or an id of the catalogue.")
@click.option(
    "--evidence/--no-evidence",
    default=None,
    help="Run the evidence of the formula on a function; on by default if the function conforms.",
)
@click.option("--prove", is_flag=True, help="Execute a function on symbols: where that succeeds the verdict is a proof.")
@click.option(
    "--exhaustive", is_flag=True, help="Call a function of one array on every number of a narrow --dtype: its largest error is proved."
)
@click.option(
    "--outputs",
    metavar="NAME,NAME…",
    default="",
    callback=split_names,
    help="The parameters into which a function writes its results, in their order.",
)
@click.option(
    "--modes",
    metavar="NAME,NAME…",
    default="",
    callback=split_names,
    help="Modes of its library in which an optimizer is run too: foreach, fused, compile …, jit, vmap.",
)
def check(**options: Any) -> None:
    """Check whether an implementation conforms: `torch.optim:SGD`, `mine.py:MyMomentum`, or a function with --against."""
    ask_kit("check", **options)


@main.command()
@with_subject
@click.option("--against", metavar="ID", help="Of a function: the formula of the catalogue that it is a variant of.")
def identify(**options: Any) -> None:
    """Name the convention that an implementation follows, right or wrong."""
    ask_kit("identify", **options)


@main.command()
@click.option("--command", required=True, metavar="COMMAND", help="A program in any language, as in './adamw'.")
@json_option
def smoke(command: str, *, as_json: bool) -> None:
    """Say what of the protocol a program speaks: for its author, part by part."""
    from .conformance.smoke import try_protocol

    trials = list(try_protocol(command))
    if as_json:
        print_json([trial.as_json() for trial in trials])
    else:
        words = {(True, True): "works", (True, False): "works", (False, True): "FAILS", (False, False): "missing"}
        click.echo("\n".join(f"{words[trial.works, trial.required]:8}{trial.part}: {trial.detail}" for trial in trials))
    sys.exit(0 if all(trial.works for trial in trials if trial.required) else 1)


@main.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False))
@click.option("--output", type=click.Path(dir_okay=False), help="Where the SVG is written; to standard output unless given.")
def badge(report: str, output: str | None) -> None:
    """Make an SVG badge of a report of `check --report`; one that was graded against other formulas is told apart by exit code 1."""
    from pathlib import Path

    from .conformance.report import saved

    with usage_errors():
        known = saved.read_report(report)
    if output:
        Path(output).write_text(saved.badge(known), encoding="utf-8")
    else:
        click.echo(saved.badge(known), nl=False)
    if apart := saved.versions_apart(known):
        click.echo(f"{report}: {apart}", err=True)
    sys.exit(1 if apart else 0)


@main.command()
@click.argument("family")
@dtype_option
@click.option("--mistakes", is_flag=True, help="The named mistakes too.")
@json_option
def separation(family: str, dtype: str, *, mistakes: bool, as_json: bool) -> None:
    """Print how far apart the conventions of a family are on the fixtures, in units of the rounding bound."""
    from .catalogue import UnknownNameError
    from .conformance.optimizers.conventions import FAMILIES
    from .conformance.optimizers.separation import as_table
    from .conformance.optimizers.separation import separation as distances_between

    if family not in FAMILIES:
        raise click.UsageError(f"{UnknownNameError('family', family, FAMILIES)}; there are {', '.join(FAMILIES)}")
    rows, distances = distances_between(family, dtype, mistaken=None if mistakes else False)
    if as_json:
        names = [convention.id for convention in rows]
        print_json({"family": family, "dtype": dtype, "conventions": names, "distances": distances.tolist()})
    else:
        console().print(as_table(family, rows, distances, dtype))


@main.command()
@click.option("--library", "libraries", multiple=True, metavar="NAME", help="One library only; may be repeated.")
@click.option("--command", "commands", multiple=True, metavar="COMMAND", help="A program in any language; may be repeated.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Libraries at a time.")
@click.option("--markdown", is_flag=True, help="Print a table in Markdown.")
@json_option
def matrix(libraries: tuple[str, ...], *, commands: tuple[str, ...], jobs: int, markdown: bool, as_json: bool) -> None:
    """Say which convention every installed library follows, formula by formula; or those that are named, and programs.

    It is a survey, so its exit code is 0 whatever the libraries follow, and 2 where none could be asked.
    """
    from .conformance.report import matrix as survey

    wanted = libraries or (() if commands else survey.known_libraries())
    notes = console(stderr=True)
    with usage_errors():
        cells = survey.matrix(wanted, jobs, lambda library: notes.print(f"{library}: done", style="dim"), commands=commands)
    if missing := survey.not_installed_sentence(survey.not_installed(wanted), is_all=not cells):
        notes.print(missing)
    if as_json:
        print_json(survey.as_json(cells))
    elif markdown:
        click.echo(survey.as_markdown(cells))
    elif cells:
        console().print(survey.as_table(cells))
    sys.exit(0 if cells else 2)


# --- kernels -------------------------------------------------------------------------------------------------------------


@main.group()
def fast() -> None:
    """The kernels of trainspec.fast."""


@fast.command("warm-up")
@click.argument("names", metavar="[KERNEL]...", nargs=-1)
@click.option("--dtype", "dtypes", type=click.Choice(["float32", "float64"]), multiple=True, default=["float32"], show_default=True)
@click.option("--bind", "bound", is_flag=True, help="Also what bind() runs.")
def warm_up(names: tuple[str, ...], *, dtypes: tuple[str, ...], bound: bool) -> None:
    """Compile kernels, all or some, ahead of their first calls; the code is kept for every process."""
    from ..fast import configure
    from ..fast._warm_up import compilations, kernels
    from .catalogue import UnknownNameError

    for name in names:
        if name not in kernels():
            raise click.UsageError(str(UnknownNameError("kernel", name, kernels())))
    configure(compile_notices=False)  # the progress bar says it
    parts = list(compilations(names or tuple(kernels()), dtypes, bound=bound))
    with progress_bar("compiling") as advance:
        for part in parts:
            part()
            advance(len(parts))
    click.echo(f"compiled for {' and '.join(dtypes)}: {', '.join(names or kernels())}")


# --- vectors -------------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@click.option("--folder", default="vectors", show_default=True, type=click.Path(file_okay=False), help="Where the files are.")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; say which files are not what would be written.")
@click.option("--since", type=click.Path(exists=True, file_okay=False), help="Write nothing; print what has changed since another folder.")
@with_workforce
def vectors(identifiers: tuple[str, ...], *, folder: str, only_check: bool, since: str | None, workforce: Workforce, fresh: bool) -> None:
    """Write the vectors of all entries, or of some anew, for implementations in any language."""
    from pathlib import Path

    from ..reference import FORMULAS
    from .lines.text import VERSION, line
    from .vectors import files
    from .vectors.since import changes_since

    if since:
        for change in changes_since(Path(since), Path(folder)):
            click.echo(line({"version": VERSION, **change}))
        return

    names = [find_entry(name).id for name in identifiers] or list(FORMULAS)
    with usage_errors(), progress_bar("files") as advance:
        made = files.make_files(names, workforce, lambda file: advance(len(names)), fresh=fresh)
    problems = files.too_large(made)
    if only_check:
        problems += files.differences(Path(folder), made, whole=not identifiers)
    elif not problems:
        others = files.stored_files(Path(folder)) if identifiers else {}
        files.write(Path(folder), {**others, **{file.entry: file for file in made}}.values())
    click.echo("\n".join(problems) or f"{len(made)} files, {sum(len(file.text) for file in made)} bytes")
    sys.exit(1 if problems else 0)
