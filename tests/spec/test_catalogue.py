"""The catalogue: data that fits its schema, errors that say where data does not, the bibliography, ids and presets."""

import inspect
import re

import pytest
from trainspec.reference import FORMULAS
from trainspec.spec.catalogue import (
    CLASSES,
    KINDS,
    STATUSES,
    Citation,
    Entry,
    Erratum,
    add_record,
    as_entry,
    as_erratum,
    bibliography,
    catalogue,
    chapter_texts,
    check_data,
    decks,
    parse_chapter,
    parse_citation,
    read_record,
    schema,
)

GOOD = """
title = "Test"

[[entry]]
id = "test.entry"
kind = "statement"
status = "ok"
title = "A test"
statement = "1 = 1"
sources = ["kingma2015"]
"""

PRINTED = (
    GOOD
    + '[[erratum]]\nid = "E99"\nwhere = ["UC"]\nprinted = "x"\ncorrect = "y"\nclass = "wrong"\n'
    + 'decided_by = "machine"\ndecided = "2026-01-01"\n'
    + '[[erratum.printed_formulas]]\nname = "misprint"\nformula = "test.entry"\nwords = "x"\n'
)

BAD = {
    "not TOML": ("title = ", "test.toml: "),
    "an unknown key": (GOOD + 'colour = "red"\n', "test.toml: $.entry[0]: Additional properties are not allowed ('colour' was unexpected)"),
    "an unknown kind": (GOOD.replace('"statement"\nstatus', '"lemma"\nstatus'), "test.toml: $.entry[0].kind: 'lemma' is not one of"),
    "a missing statement": (GOOD.replace('statement = "1 = 1"\n', ""), "'statement' is a required property"),
    "an id with capitals": (GOOD.replace("test.entry", "Test.Entry"), "test.toml: $.entry[0].id: 'Test.Entry' does not match"),
    "no sources": (GOOD.replace('["kingma2015"]', "[]"), "test.toml: $.entry[0].sources"),
    "an empty title": (GOOD.replace('"A test"', '""'), "test.toml: $.entry[0].title"),
    "a wrong erratum number": (GOOD + 'errata = ["E1"]\n', "test.toml: $.entry[0].errata[0]: 'E1' does not match"),
    "an erratum number with a zero too many": (GOOD + 'errata = ["E007"]\n', "test.toml: $.entry[0].errata[0]: 'E007' does not match"),
    "a preset that is no number": (
        GOOD + 'presets_of = "a.b"\npresets = [{ name = "x", source = "UC", lr = "__import__" }]\n',
        "test.toml: $.entry[0].presets[0].lr",
    ),
    "a preset without a name": (GOOD + 'presets_of = "a.b"\npresets = [{ source = "UC", lr = "1" }]\n', "'name' is a required property"),
    "presets of no formula": (GOOD + 'presets = [{ name = "x", source = "UC", lr = "1" }]\n', "'presets_of' is a required property"),
    "a statement with a function": (GOOD + 'function = "f"\n', "False schema does not allow 'f'"),
    "reading without a reason": (
        GOOD + '[[erratum]]\nid = "E99"\nwhere = ["UC"]\nprinted = "x"\ncorrect = "y"\nclass = "wrong"\n'
        'decided_by = "reading"\ndecided = "2026-01-01"\n',
        "'why' is a required property",
    ),
    "a printed formula without changes": (PRINTED + "changes = []\n", "test.toml: $.erratum[0].printed_formulas[0].changes: [] "),
    "a change of an unknown kind": (PRINTED + 'changes = [{ multiply = "2" }]\n', "('multiply' was unexpected)"),
    "two changes in one": (
        PRINTED + 'changes = [{ assign = "x = 1", inline = "x" }]\n',
        "test.toml: $.erratum[0].printed_formulas[0].changes[0]",
    ),
    "an insertion without a place": (PRINTED + 'changes = [{ insert = "x = 1" }]\n', "'at' is a dependency of 'insert'"),
    "a printed formula of an erratum decided by reading": (
        PRINTED.replace('"machine"', '"reading"\nwhy = "words"') + 'changes = [{ inline = "x" }]\n',
        "False schema does not allow",
    ),
}


def test_good_data_passes():
    assert parse_chapter("test", GOOD)["entry"][0]["id"] == "test.entry"


def test_an_erratum_may_print_formulas_with_changes():
    changes = '[{ replace = { "a" = "b" }, within = ["x"] }, { insert = "y = 1", at = "start" }, { previous = "x" }]'
    (erratum,) = parse_chapter("test", f"{PRINTED}changes = {changes}\n")["erratum"]
    (printed,) = as_erratum("test", erratum).printed_formulas
    assert (printed.name, printed.formula, len(printed.changes)) == ("misprint", "test.entry", 3)


def test_erratum_ids_may_have_more_digits():
    for identifier in ("E07", "E83", "E99", "E100", "E1234"):
        assert parse_chapter("test", GOOD + f'errata = ["{identifier}"]\n')["entry"][0]["errata"] == [identifier]


@pytest.mark.parametrize("label", BAD)
def test_bad_data_is_refused_where_it_stands(label):
    text, message = BAD[label]
    with pytest.raises(ValueError, match=r"test\.toml") as refusal:
        parse_chapter("test", text)
    assert message in str(refusal.value)


def test_an_id_stands_once():
    records = dict(catalogue().entries)
    with pytest.raises(ValueError, match=r"again\.toml: momentum\.unrolled stands in momentum\.toml already"):
        add_record(records, Entry("momentum.unrolled", "again", "formula", "ok", "x", (Citation("UC"),)))


def test_the_first_chapters_are_complete():
    known = catalogue()
    count = {chapter: sum(entry.chapter == chapter for entry in known.entries.values()) for chapter in known.chapters}
    assert (count["momentum"], count["quadratic"]) == (28, 17)
    assert (count["descent"], count["averaging"]) == (33, 10)


@pytest.mark.parametrize(("name", "text"), list(chapter_texts()), ids=[name for name, _ in chapter_texts()])
def test_every_chapter_fits_the_schema(name, text):
    assert parse_chapter(name, text)["title"]


def test_conventions_and_sources_are_not_chapters():
    assert [name for name, _ in chapter_texts()] == list(catalogue().chapters)
    assert "sources" not in catalogue().chapters


def test_kinds_statuses_and_classes_are_explained():
    definitions = schema()["$defs"]
    assert set(KINDS) == set(definitions["entry"]["properties"]["kind"]["enum"])
    assert set(STATUSES) == set(definitions["entry"]["properties"]["status"]["enum"])
    assert set(CLASSES) == set(definitions["erratum"]["properties"]["class"]["enum"])


# --- ids ---------------------------------------------------------------------------------------------------------------------------


def test_names_find_entries():
    known = catalogue()
    for name in ("optimizers.adam.uncorrected", "adam.adam_uncorrected", "adam_uncorrected"):
        assert known.find(name).id == "optimizers.adam.uncorrected"
    with pytest.raises(KeyError):
        known.find("momentum.rolled")


def test_a_formula_has_its_id_and_the_place_of_its_function():
    for identifier, formula in FORMULAS.items():
        entry = catalogue().entries[identifier]
        assert entry.path == f"{formula.__module__.rpartition('.')[2]}.{formula.__name__}"
        assert all(catalogue().find(name) is entry for name in entry.names)


def test_a_name_stands_for_one_entry():
    known = catalogue()
    assert len(known.ids) == len({(name, entry.id) for entry in known.entries.values() for name in entry.names})
    twice = {**known.entries, "other.entry": Entry("other.entry", "x", "formula", "ok", "x", (), aliases=("adam_uncorrected",))}
    with pytest.raises(ValueError, match=r"adam_uncorrected names both"):
        _ = type(known)(known.chapters, twice, {}, ()).ids


def test_the_function_is_stated_only_where_the_id_ends_otherwise():
    record = {"id": "a.f", "kind": "formula", "status": "ok", "title": "x", "sources": ["UC"]}
    assert as_entry("a", record).function == "f"
    assert as_entry("a", {**record, "function": "g"}).path == "a.g"
    with pytest.raises(ValueError, match=r"a\.toml: a\.f: function = 'f' need not be stated"):
        read_record("a", {**record, "function": "f"}, as_entry)


# --- the bibliography --------------------------------------------------------------------------------------------------------------


def test_the_bibliography_is_compared_with_its_schema(monkeypatch):
    check_data()
    monkeypatch.setattr("trainspec.spec.catalogue.sources.read_sources", lambda: {"adam2015": {"kind": "leaflet"}})
    with pytest.raises(ValueError, match=r"sources\.toml"):
        check_data()


def citations():
    known = catalogue()
    yield from (citation for record in (*known.entries.values(), *known.errata.values()) for citation in record.sources)
    yield from (preset.source for entry in known.entries.values() for preset in entry.presets)


def test_every_source_and_every_slide_is_cited():
    assert {citation.key for citation in citations()} == set(bibliography())
    assert {(citation.key, slide) for citation in citations() for slide in citation.slides} == {
        (deck.key, slide) for deck in decks().values() for slide in deck.slides
    }


def test_citations_are_written_in_one_form():
    assert all(parse_citation(str(citation)) == citation for citation in citations())
    citation = parse_citation("completes CMU: 'Visualizing the optimizers: Beale's Function', a picture")
    assert (citation.relation, citation.key) == ("completes", "CMU")
    assert citation.slides == ("Visualizing the optimizers: Beale's Function",)
    assert citation.short == "completes CMU 'Visualizing the optimizers: Beale's Function', a picture"
    assert parse_citation("kingma2015: Algorithm 1").short == "Kingma & Ba 2015, Algorithm 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kingma2016", "sources.toml has no key 'kingma2016'"),
        ("Kingma & Ba 2015", "must be KEY or KEY: where"),
        ("UC: 'Adam'; ONN: 'ADAMS'", "no slide 'ADAMS' of UC"),
        ("STU: 'Adam (allmost)'", "no slide 'Adam (allmost)' of STU"),
        ("refutes UC", "must be KEY"),
    ],
)
def test_a_citation_of_what_is_not_there_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_citation(text)
    with pytest.raises(ValueError, match=r"test\.toml: E99: citation"):
        read_record("test", {"id": "E99", "where": [text], "class": "wrong"}, as_erratum)


def test_sources_are_labelled_and_referred_to_in_full():
    known = bibliography()
    assert known["kingma2015"].reference == "D. P. Kingma, J. L. Ba. Adam: A Method for Stochastic Optimization. ICLR 2015. arXiv:1412.6980"
    assert known["kingma2015"].link == "https://arxiv.org/abs/1412.6980"
    assert known["huber1964"].link == "https://doi.org/10.1214/aoms/1177703732"
    assert known["he2015"].label == "He et al. 2015"
    assert known["ba2016"].label == "Ba, Kiros & Hinton 2016"
    assert known["UC"].reference == (
        "Shubhendu Trivedi, Risi Kondor. Lecture 6: Optimization for Deep Neural Networks."
        " CMSC 35246: Deep Learning, University of Chicago, 2017."
    )
    assert all(known[key].title and known[key].label for key in known)
    assert all(source.institution or source.note for source in decks().values())


def test_keys_are_made_of_the_first_author_and_the_year():
    for source in bibliography().values():
        if source.kind == "publication":
            family = source.authors[0].partition(",")[0].replace(" ", "").translate(str.maketrans("äöü", "aou")).lower()
            assert re.fullmatch(rf"{family}{source.year}[a-z]*", source.key), source.key


FAMILY = r"(?:de |Van )?[A-ZÀ-Ž][\w-]*"
NAMES_AND_YEAR = re.compile(rf"{FAMILY}(?:(?:, {FAMILY})* & {FAMILY}| et al\.)? (?:1[89]|20)\d\d(?!\d)")
CITED_BY_NO_ENTRY = {"Cauchy 1847", "Levenberg 1944"}  # named in passing


def test_docstrings_name_sources_as_the_bibliography_does():
    labels = {source.label for source in bibliography().values() if source.kind == "publication"}
    abbreviated = {f"{re.split(r'[, ]', label)[0]} et al. {label[-4:]}" for label in labels}
    docstrings = (" ".join((inspect.getdoc(formula.raw) or "").split()) for formula in FORMULAS.values())
    named = {label for text in docstrings for label in NAMES_AND_YEAR.findall(text.partition("Source: ")[2])}
    assert len(named) > 50
    assert named - labels - abbreviated == CITED_BY_NO_ENTRY, "sources.toml lacks these, or has them otherwise"


# --- errata ------------------------------------------------------------------------------------------------------------------------


def test_errata_are_found_with_the_entries_that_they_concern():
    known = catalogue()
    erratum = known.errata["E07"]
    assert isinstance(erratum, Erratum)
    assert erratum.where == "UC 'Adam: ADaptive Moments' and summary"
    assert erratum.slides == (("UC", "Adam: ADaptive Moments"),)
    assert [entry.id for entry in known.entries_with("E07")] == ["optimizers.adam"]
    assert all(known.entries_with(identifier) for identifier in known.errata)


# --- presets -----------------------------------------------------------------------------------------------------------------------


def test_presets_are_arguments_of_a_formula():
    known = catalogue()
    for entry in known.entries.values():
        if entry.presets:
            formula = FORMULAS[entry.presets_of or entry.id]
            parameters = inspect.signature(formula.raw).parameters
            for preset in entry.presets:
                assert set(preset.values) <= set(parameters), (entry.id, preset.name)


def test_the_presets_of_a_formula_have_names_of_their_own():
    for identifier in FORMULAS:
        names = [preset.name for preset in catalogue().presets(identifier)]
        assert len(names) == len(set(names)), identifier


def test_presets_are_numbers():
    (paper,) = (preset for preset in catalogue().presets("optimizers.adam") if preset.name == "paper")
    assert paper.arguments == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    (sparse,) = catalogue().presets("init.sparse")
    assert sparse.arguments == {"count": 15}
    assert isinstance(sparse.arguments["count"], int)
