"""What the command line prints: JSON, lists and the ledger, on a terminal, in a pipe, and at any width."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .catalogue import Erratum
    from .kernel.check import KernelResult
    from .ledger import Ledger
    from .queries import CheckAnswer, ConventionAnswer, DecksAnswer, FamilyAnswer, ListedEntry, ListedErratum, VariantNameAnswer

PIPE_WIDTH = 140  # columns of text in a pipe or a file, unless COLUMNS says otherwise
NARROW = 120  # columns: fewer do not hold a list with an id, a title and remarks
UNBOUNDED = 10_000  # columns of a list there: a line for each record
REASONS = 12  # why exact pieces have one engine, at most
COLOURS = {"holds": "green", "refuted": "red", "unknown": "yellow"}


def console(*, stderr: bool = False, width: int = PIPE_WIDTH) -> Console:
    """Return the terminal, or plain text of a given width where there is none."""
    from rich.console import Console

    terminal = Console(stderr=stderr, highlight=False)
    return terminal if terminal.is_terminal or "COLUMNS" in os.environ else Console(stderr=stderr, highlight=False, width=width)


def print_json(data: Any) -> None:
    """Print JSON on standard output, on one line if the command was asked for that."""
    import click

    context = click.get_current_context(silent=True)
    on_one_line = context is not None and context.params.get("as_json") == "line"
    click.echo(json.dumps(data, indent=None if on_one_line else 2, ensure_ascii=False))


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; what it yields is called with the number of all parts after each of them."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda total: progress.update(task, total=total, advance=1)


def print_rows(rows: Iterable[Sequence[str]], headings: Sequence[str], *, note: str = "") -> None:
    """Print a list: a table on a terminal, aligned lines in a pipe, of which none is wrapped."""
    from rich.table import Table
    from rich.text import Text

    output = console(width=UNBOUNDED)
    bounded = output.width != UNBOUNDED
    table = Table(box=None, pad_edge=False, show_header=bounded, header_style="bold", padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, no_wrap=not bounded or not number, overflow="fold", style="cyan" if not number else "")
    for row in rows:
        table.add_row(*map(Text, row))
    output.print(table)
    if note and bounded:
        output.print(Text(f"\n{note}", style="dim"))


def print_entries(entries: Sequence[ListedEntry]) -> None:
    """Print a list of entries, on a narrow terminal in two lines each."""
    if is_narrow():
        print_blocks((entry["id"], entry["title"], " ".join((entry["kind"], entry["status"], *entry["errata"]))) for entry in entries)
        return
    rows = [(entry["id"], entry["title"], entry["kind"], entry["status"], " ".join(entry["errata"])) for entry in entries]
    print_rows(rows, ("id", "title", "kind", "status", "errata"), note=f"{len(rows)} entries; `trainspec decks` explains the words")


def print_errata(errata: Sequence[ListedErratum]) -> None:
    """Print a list of errata, on a narrow terminal in two lines each."""
    if is_narrow():
        print_blocks((erratum["id"], erratum["printed"], f"{erratum['class']}; {erratum['where']}") for erratum in errata)
        return
    rows = [(erratum["id"], erratum["where"], erratum["printed"], erratum["class"], " ".join(erratum["entries"])) for erratum in errata]
    print_rows(rows, ("id", "where", "printed", "class", "concerns"), note=f"{len(rows)} errata; `trainspec show E07` shows one in full")


def is_narrow() -> bool:
    """Return whether a list does not fit into the columns of the terminal."""
    return console(width=UNBOUNDED).width < NARROW


def print_blocks(records: Iterable[tuple[str, str, str]]) -> None:
    """Print records one below the other: what they are called and remarks in one line, and what they say, indented, in the next."""
    from rich.padding import Padding
    from rich.text import Text

    output = console()
    for name, text, remarks in records:
        output.print(Text.assemble((name, "cyan"), f"  {remarks}" if remarks else ""))
        output.print(Padding(Text(text), (0, 0, 0, 4), expand=False))


def print_decks(answer: DecksAnswer, *, with_slides: bool) -> None:
    """Print the decks, or the slides of one, and the meaning of the words that stand in lists."""
    from rich.text import Text

    output = console()
    for deck in answer["decks"]:
        authors = ", ".join(" ".join(reversed(author.split(", "))) for author in deck["authors"])
        facts = (authors, deck["course"], deck["institution"], str(deck["year"] or ""), deck["note"])
        output.print(Text.assemble((f"{deck['abbreviation']}  {deck['title']}", "bold")))
        output.print(Text("; ".join(fact for fact in facts if fact)))
        output.print(Text(f"{deck['entries']} entries and {deck['errata']} errata cite it\n", style="dim"))
        if with_slides and is_narrow():
            print_blocks((slide["title"], " ".join((*slide["errata"], *slide["entries"])), "") for slide in deck["slides"])
        elif with_slides:
            rows = [(slide["title"], " ".join((*slide["errata"], *slide["entries"]))) for slide in deck["slides"]]
            print_rows(rows, ("slide", "errata and entries"))
    if not with_slides:
        for title, meanings in (("kinds", answer["kinds"]), ("statuses", answer["statuses"]), ("classes of errata", answer["classes"])):
            output.print(Text(title, style="bold"))
            print_rows(list(meanings.items()), ("word", "meaning"))
            output.print()


def print_families(families: Sequence[FamilyAnswer]) -> None:
    """Print the families of optimizers."""
    rows = [(family["family"], family["title"], str(family["conventions"]), str(family["mistakes"])) for family in families]
    print_rows(rows, ("family", "title", "conventions", "mistakes"), note="`trainspec conventions FAMILY [WORD…]` names them")


def print_conventions(conventions: Sequence[ConventionAnswer]) -> None:
    """Print the names of conventions."""
    rows = [(each["id"], each["name"] + ("" if each["right"] else " (a mistake)"), " ".join(each["formulas"])) for each in conventions]
    if is_narrow():
        print_blocks(rows)
        return
    print_rows(rows, ("id", "name", "stated by"), note=f"{len(rows)} conventions; `trainspec check … --against ID` takes an id")


def print_variants(variants: Sequence[VariantNameAnswer]) -> None:
    """Print the names of the variants of a formula."""
    rows = [(variant["id"], variant["name"], "a formula" if variant["right"] else "differs") for variant in variants]
    if is_narrow():
        print_blocks(rows)
        return
    print_rows(rows, ("id", "name", "what it is"), note=f"{len(rows)} variants")


def print_checks(checks: Sequence[CheckAnswer]) -> None:
    """Print the checks of a test suite."""
    rows = [(check["name"], check["meaning"], check["dtype"]) for check in checks]
    print_rows(rows, ("check", "a subject passes it if", "dtype"))


# --- the ledger ----------------------------------------------------------------------------------------------------------


def print_ledger(ledger: Ledger, errata: Sequence[Erratum]) -> None:
    """Print the ledger: a line for each entry, then the errata, then the sums."""
    output = console()
    output.print(entry_table(ledger))
    if errata:
        output.print(errata_table(ledger))
    if len(ledger.chapters) > 1:
        output.print(chapter_table(ledger))
    summary = ledger.as_json()["summary"]
    for kind in ("entries", "errata"):
        output.print(f"{kind}: {count_words(summary[kind])}")
    output.print(f"exact pieces: {summary['engines']['two']} with two engines or more, {summary['engines']['one']} with one, because of")
    for reason, count in sorted(summary["engines"]["reasons"].items(), key=lambda pair: -pair[1])[:REASONS]:
        output.print(f"  {count:4} {reason}", markup=False)
    output.print(f"{summary['engines']['kernel']} proofs are checked by the kernel of a proof assistant (`trainspec kernel`)")
    known = f"; {summary['kept']} results were kept from earlier runs (`--fresh` computes all again)" if summary["kept"] else ""
    output.print(f"{summary['pieces']} pieces of evidence, {summary['seconds']:.1f} s of computing{known}")


def print_kernel_results(results: Sequence[KernelResult]) -> None:
    """Print how many proofs the kernel of the proof assistant has checked, and why not the others."""
    from .kernel.check import reasons

    output = console()
    checked = [result for result in results if result.checked]
    output.print(
        f"{len(checked)} of {len(results)} proofs are checked by Coq's kernel, with {sum(result.claims for result in checked)} lemmas"
    )
    for reason, count in reasons(results):
        output.print(f"  {count:4} {reason}", markup=False)
    output.print(f"{sum(result.seconds for result in results):.0f} s of computing")


def ledger_table(title: str, columns: Sequence[str], *, unwrapped: Sequence[str]) -> Table:
    """Return an empty table of the ledger."""
    from rich.table import Table

    table = Table(title=title)
    for column in columns:
        table.add_column(column, no_wrap=column in unwrapped, justify="right" if column == "s" else "left")
    return table


def entry_table(ledger: Ledger) -> Table:
    """Return the verdicts on entries, with the kinds of evidence behind them."""
    from rich.markup import escape

    from .evidence import EVIDENCE

    table = ledger_table("Ledger", ("entry", "verdict", "evidence", "s"), unwrapped=("entry", "verdict"))
    for record in ledger.entries:
        kinds: dict[str, int] = {}
        for result in record.evidence:
            kind = EVIDENCE[result.name].kind
            kinds[kind] = kinds.get(kind, 0) + 1
        evidence = ", ".join(kind + (f" ×{count}" if count > 1 else "") for kind, count in kinds.items())
        evidence += f"\n{escape(record.detail)}" if record.detail else ""
        seconds = sum(result.seconds for result in record.evidence)
        table.add_row(record.entry.id, coloured(record.verdict), evidence, f"{seconds:.1f}")
    return table


def errata_table(ledger: Ledger) -> Table:
    """Return the verdicts on errata."""
    from rich.markup import escape

    title = "Errata: holds = the printed form is refuted and the corrected one holds"
    table = ledger_table(title, ("erratum", "verdict", "printed", "detail"), unwrapped=("erratum", "verdict"))
    for record in ledger.errata:
        table.add_row(record.erratum.id, coloured(record.verdict), escape(record.erratum.printed), escape(record.detail))
    return table


def chapter_table(ledger: Ledger) -> Table:
    """Return the sums of each chapter."""
    table = ledger_table("Chapters", ("chapter", "entries", "evidence", "errata"), unwrapped=("chapter",))
    for name, sums in ledger.chapters.items():
        table.add_row(name, *(count_words(sums[kind]) for kind in ("entries", "evidence", "errata")))
    return table


def count_words(counts: Mapping[str, int]) -> str:
    """Return how many of what there are: 3 holds, 1 unknown."""
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def coloured(verdict: str) -> str:
    """Return a verdict in its colour."""
    colour = COLOURS.get(verdict)
    return f"[{colour}]{verdict}[/]" if colour else verdict
