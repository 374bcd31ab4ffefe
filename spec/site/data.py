"""What the pages are made of: the answers of `trainspec show`, the kept verdicts, and relations in both directions."""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...reference import FORMULAS
from ...reference.syntax import source_tree
from ..catalogue import Catalogue, catalogue
from ..description import EntryAnswer, ErratumAnswer, describe_entry, describe_erratum
from ..evidence import FORMULAS_BY_NAME
from ..ledger import EntryVerdict, ErratumVerdict, Ledger, kept_ledger
from .libraries import RECORDED, read_rows


@dataclass(frozen=True)
class Relation:
    """How an entry is related to another one, in words; `stated` is whether it or the other one says so."""

    id: str
    words: str
    stated: bool = True


class SiteData:
    """All that the pages say, each part computed when it is first needed."""

    def __init__(self, ledger: Ledger, vectors: Path | None, *, with_figures: bool, matrix: Path | None = None) -> None:
        self.ledger, self.vectors, self.with_figures = ledger, vectors, with_figures
        self.library_rows = read_rows(matrix or RECORDED, catalogue().entries)
        self._answers: dict[str, EntryAnswer] = {}

    @classmethod
    def of_kept_results(cls, vectors: Path | None, *, with_figures: bool, matrix: Path | None = None) -> SiteData:
        """Return the data with the verdicts of the results that are kept."""
        known = catalogue()
        ledger = kept_ledger(list(known.entries.values()), list(known.errata.values()))
        return cls(ledger, vectors, with_figures=with_figures, matrix=matrix)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue."""
        return catalogue()

    @functools.cached_property
    def version(self) -> str:
        """The version of this project."""
        return version("trainspec")

    def answer(self, identifier: str) -> EntryAnswer:
        """Return what `trainspec show ID --json` answers, computed once."""
        if identifier not in self._answers:
            self._answers[identifier] = describe_entry(self.catalogue.entries[identifier], with_figures=self.with_figures)
        return self._answers[identifier]

    def erratum(self, identifier: str) -> ErratumAnswer:
        """Return what `trainspec show E07 --json` answers."""
        return describe_erratum(self.catalogue.errata[identifier])

    @functools.cached_property
    def entry_verdicts(self) -> Mapping[str, EntryVerdict]:
        """The verdict on each entry."""
        return {record.entry.id: record for record in self.ledger.entries}

    @functools.cached_property
    def erratum_verdicts(self) -> Mapping[str, ErratumVerdict]:
        """The verdict on each erratum."""
        return {record.erratum.id: record for record in self.ledger.errata}

    @functools.cached_property
    def families_of(self) -> Mapping[str, list[str]]:
        """The families of optimizers in whose conventions each formula occurs, its own one first."""
        from ..conformance.optimizers.conventions import CATALOGUE_FORMULAS, FAMILIES

        families: dict[str, dict[str, None]] = {family.formula: {name: None} for name, family in FAMILIES.items()}
        for convention, formulas in CATALOGUE_FORMULAS.items():
            for formula in formulas:
                families.setdefault(formula, {})[convention.family] = None
        return {formula: list(names) for formula, names in families.items()}

    # --- relations ------------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def relations(self) -> Mapping[str, list[Relation]]:
        """The relations of each entry that the catalogue states, there or at the other entry."""
        relations: dict[str, list[Relation]] = {identifier: [] for identifier in self.catalogue.entries}
        for entry in self.catalogue.entries.values():
            for variant in entry.variants:
                relations[entry.id].append(Relation(variant["id"], variant["relation"]))
        for entry in self.catalogue.entries.values():
            for variant in entry.variants:
                if entry.id not in {relation.id for relation in relations[variant["id"]]}:
                    relations[variant["id"]].append(Relation(entry.id, variant["relation"], stated=False))
        return relations

    @functools.cached_property
    def calls(self) -> Mapping[str, list[str]]:
        """The formulas that each formula calls, by id."""
        return {identifier: called_formulas(formula.raw) for identifier, formula in FORMULAS.items()}

    @functools.cached_property
    def callers(self) -> Mapping[str, list[str]]:
        """The formulas that call each formula, by id."""
        callers: dict[str, list[str]] = {}
        for identifier, called in self.calls.items():
            for other in called:
                callers.setdefault(other, []).append(identifier)
        return callers

    @functools.cached_property
    def presets_elsewhere(self) -> Mapping[str, list[str]]:
        """The entries that state presets of each formula."""
        entries: dict[str, list[str]] = {}
        for entry in self.catalogue.entries.values():
            if entry.presets_of:
                entries.setdefault(entry.presets_of, []).append(entry.id)
        return entries

    # --- vectors and kernels --------------------------------------------------------------------------------------------------

    @functools.cached_property
    def manifest(self) -> Mapping[str, Any]:
        """What the manifest says of the vectors of each entry; nothing where the folder is not at hand."""
        if self.vectors is None:
            return {}
        records: Mapping[str, Any] = json.loads((self.vectors / "manifest.json").read_text(encoding="ascii"))["entries"]
        return records

    @functools.cached_property
    def kernels(self) -> Mapping[str, str]:
        """The kernel of each formula that has one: the place of its function."""
        entries = [entry for entry in self.catalogue.entries.values() if entry.function in functions_of_kernels(entry.chapter)]
        return {entry.id: f"trainspec.fast.{entry.path}" for entry in entries}

    @functools.cached_property
    def kernel_errors(self) -> Mapping[str, Any]:
        """The errors of each kernel by the size of its inputs, as `tests.fast.kernel_accuracy` recorded them."""
        record = json.loads(recorded("kernels.json"))
        about = {key: record[key] for key in ("cases", "sizes")}
        return {name: {**about, "errors": errors} for name, errors in record["kernels"].items()}

    @functools.cached_property
    def benchmarks(self) -> Mapping[str, Any]:
        """The times of each kernel beside other libraries', by the number of entries, as `tests.benchmarks.figure` recorded them."""
        record = json.loads(recorded("benchmarks.json"))
        about = {key: record[key] for key in ("dtype", "recorded")}
        kernels = {name: ratios for panel in record["panels"].values() for name, ratios in panel.items()}
        return {name: {**about, "ratios": ratios} for name, ratios in kernels.items()}


def recorded(name: str) -> str:
    """Return a file of this folder that a measurement has written."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def called_formulas(raw: Any) -> list[str]:
    """Return the ids of the formulas that a function calls, in the order of its lines."""
    names = [ast.unparse(node.func).rpartition(".")[2] for node in ast.walk(source_tree(raw)) if isinstance(node, ast.Call)]
    return [FORMULAS_BY_NAME[name].id for name in dict.fromkeys(names) if name in FORMULAS_BY_NAME]


@functools.cache
def functions_of_kernels(chapter: str) -> frozenset[str]:
    """Return the names of the kernels of a chapter, read from the source: nothing is compiled for it."""
    package = importlib.util.find_spec("trainspec.fast")
    folders = package.submodule_search_locations if package else None
    path = Path(folders[0]) / f"{chapter}.py" if folders else None
    if path is None or not path.exists():
        return frozenset()
    return frozenset(node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef))
