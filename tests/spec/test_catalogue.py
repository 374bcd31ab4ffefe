"""The catalogue: data that fits its schema, and errors that say where data does not."""

import tomllib
from importlib.resources import files

import pytest
from trainspec.spec import catalogue as module
from trainspec.spec.catalogue import Entry, add, catalogue, validated

GOOD = """
title = "Test"

[[entry]]
id = "test.entry"
kind = "statement"
status = "ok"
title = "A test"
statement = "1 = 1"
sources = ["nobody"]
"""

BAD = {
    "not TOML": ("title = ", "test.toml: "),
    "an unknown key": (GOOD + 'colour = "red"\n', "test.toml: $.entry[0]: Additional properties are not allowed ('colour' was unexpected)"),
    "an unknown kind": (GOOD.replace('"statement"\nstatus', '"lemma"\nstatus'), "test.toml: $.entry[0].kind: 'lemma' is not one of"),
    "a missing statement": (GOOD.replace('statement = "1 = 1"\n', ""), "'statement' is a required property"),
    "an id with capitals": (GOOD.replace("test.entry", "Test.Entry"), "test.toml: $.entry[0].id: 'Test.Entry' does not match"),
    "no sources": (GOOD.replace('["nobody"]', "[]"), "test.toml: $.entry[0].sources"),
    "an empty title": (GOOD.replace('"A test"', '""'), "test.toml: $.entry[0].title"),
    "a wrong erratum number": (GOOD + 'errata = ["E1"]\n', "test.toml: $.entry[0].errata[0]: 'E1' does not match"),
    "a preset that is no number": (GOOD + 'presets = [{ source = "x", lr = "__import__" }]\n', "test.toml: $.entry[0].presets[0].lr"),
    "reading without a reason": (
        GOOD + '[[erratum]]\nid = "E99"\nwhere = "x"\nprinted = "x"\ncorrect = "y"\nclass = "wrong"\ndecided_by = "reading"\n',
        "'why' is a required property",
    ),
}


def test_good_data_passes():
    assert validated("test", GOOD)["entry"][0]["id"] == "test.entry"


@pytest.mark.parametrize("label", BAD)
def test_bad_data_is_refused_where_it_stands(label):
    text, message = BAD[label]
    with pytest.raises(ValueError, match=r"test\.toml") as refusal:
        validated("test", text)
    assert message in str(refusal.value)


def test_an_id_stands_once():
    records = dict(catalogue().entries)
    with pytest.raises(ValueError, match=r"again\.toml: momentum\.unrolled stands in momentum\.toml already"):
        add(records, Entry("momentum.unrolled", "again", "formula", "ok", "x", ("x",)))


def test_the_first_chapters_are_complete():
    known = catalogue()
    count = {chapter: sum(entry.chapter == chapter for entry in known.entries.values()) for chapter in known.chapters}
    assert (count["momentum"], count["quadratic"]) == (27, 17)
    assert (count["descent"], count["averaging"]) == (26, 8)


def test_ids_and_aliases_find_entries():
    known = catalogue()
    assert known.find("momentum.unrolled").id == "momentum.unrolled"
    with pytest.raises(KeyError):
        known.find("momentum.rolled")


def test_sources_name_every_deck_that_entries_cite():
    decks = tomllib.loads((files(module) / "sources.toml").read_text(encoding="utf-8"))
    for entry in catalogue().entries.values():
        for source in entry.sources:
            tag = source.split(" ")[0]
            assert not (tag.isupper() and len(tag) == 3) or tag in decks, source
