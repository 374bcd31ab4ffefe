"""The site, built once: with the verdicts that the tests of the evidence expect, and without the figures of tables, which take time."""

from pathlib import Path

import pytest
from trainspec.spec.site.build import build, site_files
from trainspec.spec.site.data import SiteData

from tests.support.front_page import expected_ledger

VECTORS = Path(__file__).parents[3] / "vectors"


@pytest.fixture(scope="session")
def site_data():
    return SiteData(expected_ledger(), VECTORS, with_figures=False)


@pytest.fixture(scope="session")
def site(site_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site").resolve()
    build(folder, site_files(site_data))
    return folder
