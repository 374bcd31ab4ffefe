"""One entry or erratum as text for a terminal of any width: nothing is cut without a mark, long parts are folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .catalogue import CitationAnswer
    from .description import (
        CellAnswer,
        EntryAnswer,
        ErratumAnswer,
        ErratumSummary,
        EvidenceAnswer,
        FiguresAnswer,
        PresetAnswer,
        PrintedFormAnswer,
        TableAnswer,
    )
    from .mutants import MutantScore

INDENT = 2
SHOWN = 4  # presets or rows of figures of a longer list; --all prints the rest
ROW_LABEL = 24  # columns, at most, for the names of a table's rows; longer ones are wrapped


def entry_text(entry: EntryAnswer, width: int, *, everything: bool = False) -> Group:
    """Return an entry as text: the formula, its domain and the verdicts first, then errata, presets, relations, sources and code."""
    parts: list[Any] = [
        *heading(entry["id"], entry["title"]),
        Text(f"{entry['kind']}; {entry['status']}: {entry['meaning']}", style="dim"),
        Text.assemble("verdict: ", (entry["verdict"], "bold")),
        *([Text(f"also named {', '.join(entry['names'][1:])}", style="dim")] if entry["names"][1:] else []),
        Text(""),
        indented(Text(entry["statement"])),
        *section("domain", pairs(entry["domain"].items())),
        *section("evidence", evidence_lines(entry["evidence"])),
        *section("mutants", [Text(score_words(entry["mutants"], entry["id"]))] if entry["mutants"] else []),
        *section("step by step", derivation_lines(entry)),
        *section("note", [Text(entry["note"])] if entry["note"] else []),
        *section("exception", [Text(entry["exception"])] if entry["exception"] else []),
        *section("errata", [part for erratum in entry["errata"] for part in erratum_lines(erratum)]),
        *section("presets", preset_lines(entry["presets"], everything=everything)),
        *section("figures", figure_lines(entry["figures"], everything=everything)),
        *section("related", [pairs((variant["id"], variant["relation"]) for variant in entry["variants"])] if entry["variants"] else []),
        *section("sources", [part for citation in entry["sources"] for part in citation_lines(citation)]),
        *(part for table in entry["tables"] for part in table_parts(table, width)),
    ]
    if entry["source"]:
        parts += section(f"code of {entry['reference']}", [code(entry["source"], width - INDENT)])
    return Group(*parts)


def erratum_text(erratum: ErratumAnswer, width: int, *, with_evidence: bool = False) -> Group:
    """Return an erratum as text: what is printed where, what is right, which entries it concerns, and who decides it."""
    decided = "the evidence refutes the printed form" if erratum["decided_by"] == "machine" else f"by reading: {erratum['why']}"
    parts: list[Any] = [
        *heading(erratum["id"], erratum["where"]),
        Text(f"{erratum['class']}: {erratum['meaning']}", style="dim"),
        *section("printed", [Text(erratum["printed"])]),
        *section("correct", [Text(erratum["correct"])]),
        *section("concerns", [pairs((entry["id"], entry["title"]) for entry in erratum["entries"])]),
        *section(f"decided {erratum['decided']}", [Text(decided)]),
        *section("sources", [part for citation in erratum["sources"] for part in citation_lines(citation)]),
    ]
    for form in erratum["printed_forms"]:
        if form["formula"] or with_evidence:
            parts += section(f"printed form {form['name']}", printed_form_parts(form, width - INDENT, with_code=with_evidence))
    return Group(*parts)


def printed_form_parts(form: PrintedFormAnswer, width: int, *, with_code: bool) -> Iterator[Any]:
    """Yield what a printed form says: of a formula with changes, the lines that differ; its code if that is asked for."""
    if form["formula"]:
        yield Text(form["says"])
        yield Text(f"{form['formula']}, changed:", style="dim")
        correct = [("correct", line) for line in form["correct_lines"]]
        yield pairs([*correct, *(("printed", line) for line in form["printed_lines"] or ["no such line"])])
    if with_code:
        yield code(form["code"], width)


def evidence_text(pieces: Sequence[EvidenceAnswer], width: int) -> Group:
    """Return pieces of evidence with their code."""
    parts: list[Any] = []
    for piece in pieces:
        parts += section(f"{piece['kind']} {piece['name']}: {piece['scope']}", [code(piece["code"], width - INDENT)])
    return Group(*parts)


# --- parts ---------------------------------------------------------------------------------------------------------------


def heading(identifier: str, title: str) -> list[Any]:
    """Return the first two lines: the id across the whole width, and the title."""
    return [Rule(Text(identifier)), Text(title, style="bold")]


def section(title: str, parts: Any) -> list[Any]:
    """Return a title and, indented, what stands below it; nothing if that is nothing."""
    lines = [parts] if isinstance(parts, Table) else list(parts)
    if not lines or (isinstance(parts, Table) and not parts.row_count):
        return []
    return [Text(""), Text(title, style="bold"), *map(indented, lines)]


def indented(part: Any) -> Padding:
    """Return a part with a margin on its left."""
    return Padding(part, (0, 0, 0, INDENT))


def pairs(rows: Iterable[tuple[str, str]]) -> Table:
    """Return names and what is said of them, in two columns; nameless ones in one."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, text in rows:
        grid.add_row(*([Text(name, style="cyan")] if name else []), Text(text))
    return grid


def values(numbers: Any) -> str:
    """Return names and numbers: lr = 0.001, beta1 = 0.9."""
    return ", ".join(f"{name} = {number}" for name, number in numbers.items())


def erratum_lines(erratum: ErratumSummary) -> Iterator[Any]:
    """Yield an erratum in short."""
    yield Text.assemble((erratum["id"], "cyan"), f"  {erratum['where']} ({erratum['class']})")
    yield indented(pairs([("printed", erratum["printed"]), ("correct", erratum["correct"])]))


def preset_lines(presets: Sequence[PresetAnswer], *, everything: bool) -> list[Any]:
    """Return the presets, the first few of a long list unless everything is asked for."""
    return folded_pairs([(preset["name"], preset_text(preset)) for preset in presets], everything=everything)


def figure_lines(figures: Sequence[FiguresAnswer], *, everything: bool) -> list[Any]:
    """Return the figures that an entry states, the first rows of many unless everything is asked for."""
    return folded_pairs([(row["label"], values(row["values"])) for row in figures], everything=everything)


def folded_pairs(rows: Sequence[tuple[str, str]], *, everything: bool) -> list[Any]:
    """Return names and what is said of them, the first few of many unless everything is asked for."""
    if everything or len(rows) <= SHOWN + 1:
        return [pairs(rows)] if rows else []
    return [pairs(rows[:SHOWN]), Text(f"and {len(rows) - SHOWN} more: --all prints them", style="dim")]


def preset_text(preset: PresetAnswer) -> str:
    """Return the values of a preset, those of the state at the start, and the source."""
    start = f"; at the start {values(preset['start'])}" if preset["start"] else ""
    return f"{values(preset['values'])}{start}  [{preset['source']['text']}]"


def citation_lines(citation: CitationAnswer) -> Iterator[Any]:
    """Yield a citation, and below it the source in full."""
    yield Text(citation["text"])
    yield indented(Text(citation["reference"], style="dim"))


def evidence_lines(pieces: Sequence[EvidenceAnswer]) -> list[Any]:
    """Return a line for each piece of evidence: its kind, how far it reaches, what it says first."""
    rows = ((piece["kind"], evidence_line(piece)) for piece in pieces)
    return [pairs(rows), Text("--evidence prints the pieces themselves", style="dim")] if pieces else []


def derivation_lines(entry: EntryAnswer) -> list[Any]:
    """Return the titles of the derivations that an entry has a part in."""
    titles = [Text(derivation["title"]) for derivation in entry["derivations"]]
    return [*titles, Text(f"`trainspec show {entry['id']} --web` leads to the steps", style="dim")] if titles else []


def score_words(score: MutantScore, identifier: str) -> str:
    """Return how many of the mutants of a formula its evidence refutes, as far as they were run."""
    run = score["mutants"] - score["not_run"]
    words = f"{score['refuted']} of {run} refuted, {score['equivalent']} equivalent, {score['open']} open" if run else "none was run"
    return words + (f"; `trainspec mutants {identifier}` runs {score['not_run']}" if score["not_run"] else "")


def evidence_line(piece: EvidenceAnswer) -> str:
    """Return how far a piece reaches, what it says first, and its verdict with the engines behind it."""
    says = f" {piece['says'].splitlines()[0]}" if piece["says"] else ""
    engines = f" by {', '.join(piece['engines'])}" if piece["engines"] else ""
    return f"{piece['scope']}.{says} [{piece['verdict']}{engines}]"


# --- tables --------------------------------------------------------------------------------------------------------------


def table_parts(table: TableAnswer, width: int) -> list[Any]:
    """Return a table of a source, beside ours; only its title where the figures were not asked for."""
    if not table["cells"]:
        return [Text(""), Text.assemble(("table", "bold"), f"  {table['title']}: ", ("--all prints the figures", "dim"))]
    return [Text(""), Text(table["title"], style="bold"), *figure_tables(table["cells"], width)]


def figure_tables(cells: Sequence[CellAnswer], width: int) -> Iterator[Table]:
    """Yield the stated figures beside ours, in as many tables as it takes for every figure to stand in full; what disagrees is red."""
    figures = {(cell["row"], cell["column"]): cell for cell in cells}
    rows = list(dict.fromkeys(row for row, _ in figures))
    stated = {column for (_, column), cell in figures.items() if cell["stated"]}
    columns = {column: keys_of(column, stated) for column in dict.fromkeys(column for _, column in figures)}
    widths = {column: sum(column_width(figures, rows, column, key) + 3 for key in keys) for column, keys in columns.items()}
    label = max(map(longest_word, rows)), min(ROW_LABEL, max(map(cell_len, rows)))
    for group in groups_that_fit(widths, width - max(label) - 4):
        table = Table()
        table.add_column("", width=max(label), overflow="fold")
        shown = [(column, key) for column in group for key in columns[column]]
        for column, key in shown:
            table.add_column(Text(f"{column}\n{key}"), justify="right", width=column_width(figures, rows, column, key))
        for row in rows:
            table.add_row(Text(row), *(figure_text(figures.get((row, column)), key) for column, key in shown))
        yield table


def keys_of(column: str, stated: set[str]) -> tuple[str, ...]:
    """Return what stands in a column: the stated figure and ours, or ours alone."""
    return ("stated", "ours") if column in stated else ("ours",)


def figure_text(cell: CellAnswer | None, key: str) -> Text:
    """Return a figure; ours is red where it disagrees."""
    if cell is None:
        return Text("")
    return Text(cell[key], style="red" if key == "ours" and cell["verdict"] != "holds" else "")  # type: ignore[literal-required]


def column_width(figures: dict[tuple[str, str], CellAnswer], rows: Sequence[str], column: str, key: str) -> int:
    """Return the width that a column needs: that of its longest figure and of the longest word of its heading."""
    entries = (cell_len(figures[row, column][key]) for row in rows if (row, column) in figures)  # type: ignore[literal-required]
    return max(longest_word(column), len(key), *entries)


def longest_word(text: str) -> int:
    """Return the width of the longest word of a text."""
    return max(map(cell_len, text.split()), default=0)


def groups_that_fit(widths: Mapping[str, int], width: int) -> Iterator[list[str]]:
    """Yield the columns in groups, each of which fits into a width; a column that does not fit stands alone."""
    group: list[str] = []
    for column, needed in widths.items():
        if group and sum(widths[other] for other in group) + needed > width:
            yield group
            group = []
        group.append(column)
    if group:
        yield group


# --- code ----------------------------------------------------------------------------------------------------------------


def code(source: str, width: int) -> Syntax:
    """Return Python code that fits into a width."""
    return Syntax(fold_code(source.rstrip(), width), "python", background_color="default")


def fold_code(source: str, width: int) -> str:
    """Return code whose lines fit into a width: a longer one goes on after a backslash, as Python reads it, a comment in the next line."""
    return "\n".join(part for line in source.splitlines() for part in fold_line(line, width))


def fold_line(line: str, width: int) -> Iterator[str]:
    """Yield a line in parts that fit into a width."""
    margin = " " * (len(line) - len(line.lstrip()) + 4)
    while len(line) > width:
        cut = line.rfind(" ", len(margin) + 1, width - 1)
        if cut < 0:
            cut = line.find(" ", width)  # one long word: it stays whole
            if cut < 0:
                break
        comment = re.search(r"(?:^|  )# ", line[:cut])
        yield line[:cut] + ("" if comment else " \\")
        line = margin + ("# " if comment else "") + line[cut + 1 :]
    yield line
