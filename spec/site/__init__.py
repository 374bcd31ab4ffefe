"""The static site: a page for every entry, erratum, chapter, deck, family and guide, from the same data as `trainspec show`."""
