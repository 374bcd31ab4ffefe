"""The site, built once: with the verdicts that the tests of the evidence expect, and without what takes time.

That are the figures of tables, and the distances between conventions: Adam's are drawn, and stand on the pages of all families.
"""

import fcntl
import functools
from pathlib import Path

import pytest
from trainspec.spec.site import pages
from trainspec.spec.site.build import build, site_files
from trainspec.spec.site.data import SiteData
from trainspec.spec.site.diagrams import separation_picture

from tests.support.front_page import expected_ledger

VECTORS = Path(__file__).parents[3] / "vectors"


def site_for_tests():
    """The data of the site, whose pages of families share one picture from now on."""
    picture = functools.cache(lambda: separation_picture("adam"))
    pages.separation_picture = lambda family: picture()
    return SiteData(expected_ledger(), VECTORS, with_figures=False)


@pytest.fixture(scope="session")
def site_data():
    yield site_for_tests()
    pages.separation_picture = separation_picture


@pytest.fixture(scope="session")
def site(site_data, tmp_path_factory, request):
    """The folder of the site; where tests run in several processes, the first one that asks builds it for all."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if hasattr(request.config, "workerinput") else shared
    folder, done = (shared / "site").resolve(), shared / "site.done"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            build(folder, site_files(site_data))
            done.touch()
    return folder
