"""The site in a browser: no errors, nothing that is not accessible, the search finds, sliders move their curves, themes switch.

It needs Chromium, Playwright and axe-core (`nox -s browser`); without them these tests are skipped.
"""

import re
import shutil
from pathlib import Path

import pytest
from trainspec.spec.site.guides import GUIDES
from trainspec.spec.site.pages import pages
from trainspec.spec.site.render import CLASSES

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
HERE = {"preload": False, "resultTypes": ["violations"]}  # a page on the disk is not asked for its style sheet again
PAGES = (  # all kinds, and entries that have between them all that an entry may have
    *(f"{name}.html" for name in ("index", "search", "ledger", "errata", "sources", "conventions", "libraries", "decks", "glossary")),
    *(f"guides/{name}.html" for name in GUIDES),
    "chapters/normalization.html",
    "decks/STU.html",
    "families/adam.html",
    "families/muon.html",
    "derivations/bias-correction.html",
    "errata/E07.html",
    "entries/optimizers.adam.html",
    "entries/schedule.cosine.html",
    "entries/activation.gelu.html",
    "entries/norm.batch.backward.html",
    "entries/quadratic.momentum.optimal_rate.html",
    "entries/init.he.normal.html",
    "entries/landscape.beale.html",
)
COLOURED = (
    *(f"{name}.html" for name in ("decks", "guides/check-my-optimizer", "families/sign_sgd", "derivations/bias-correction")),
    *(f"{name}.html" for name in ("errata/E07", "entries/activation.elu", "entries/optimizers.adadelta")),
)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page()
    page.errors = []
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: page.errors.append(str(problem)))
    yield page
    assert page.errors == []
    page.close()


def address(site, path):
    return (site / path.partition("?")[0]).as_uri() + "?" * ("?" in path) + path.partition("?")[2]


def test_an_error_of_a_script_is_noticed(browser, tmp_path):
    (tmp_path / "page.html").write_text("<script>missing()</script>")
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda problem: errors.append(str(problem)))
    page.goto((tmp_path / "page.html").as_uri())
    assert "missing" in errors[0]


def test_the_search_finds(site, page):
    page.goto(address(site, "search.html?q=lion"))
    assert page.locator("#results a").first.get_attribute("href") == "entries/optimizers.lion.html"
    page.locator("#query").fill("E07")
    assert page.locator("#results a").first.get_attribute("href") == "errata/E07.html"
    page.locator("#query").fill("no such thing anywhere")
    assert page.locator("#count").inner_text() == "0 results"
    page.goto(address(site, "index.html"))
    page.locator("header input").fill("softmax")
    page.locator("header input").press("Enter")
    page.locator("#results li").nth(3).wait_for()  # the press opens another page
    assert page.locator("#query").input_value() == "softmax"


def numbers(path):
    return [float(number) for number in re.findall(r"-?[0-9.]+", path)]


@pytest.mark.parametrize(
    ("path", "line", "dial", "value"),
    [
        ("entries/optimizers.adam.html", "run-line-0", "run-lr", "0.05"),
        ("entries/optimizers.momentum.heavy_ball.html", "run-line-0", "run-momentum", "0.5"),
        ("entries/schedule.cosine.html", "curve-line-0", "curve-horizon", "60"),
        ("entries/activation.elu.html", "curve-line-1", "curve-alpha", "2"),
    ],
)
def test_a_slider_moves_the_curve(site, page, path, line, dial, value):
    """What is drawn by the page's own formula is what was drawn by the reference; another value moves it."""
    page.goto(address(site, path))
    curve, slider = page.locator(f"#{line} path").first, page.locator(f"#{dial}")
    before = numbers(curve.get_attribute("d"))
    slider.dispatch_event("input", {"bubbles": True})
    same = numbers(curve.get_attribute("d"))
    drawn = {round(x, 1): y for x, y in zip(same[::2], same[1::2], strict=True)}
    assert all(abs(drawn[round(x, 1)] - y) < 0.5 for x, y in zip(before[::2], before[1::2], strict=True) if round(x, 1) in drawn)
    slider.fill(value)
    assert numbers(curve.get_attribute("d")) != same


def test_themes_switch_and_are_remembered(site, page):
    page.goto(address(site, "index.html"))
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme").click()
    dark = page.evaluate(ground)
    assert light != dark
    page.goto(address(site, "ledger.html"))
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_without_errors_fits_the_width_and_is_accessible(site, page, path):
    """No rule of levels A and AA is broken, with all details open; that of contrast takes most of the time, and has a test of its own."""
    page.goto(address(site, path))
    assert page.locator("h1").is_visible()
    for width in (400, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert_accessible(page, runOnly=LEVELS, rules={"color-contrast": {"enabled": False}})


@pytest.mark.parametrize("path", COLOURED)
def test_texts_stand_out_in_both_themes(site, page, path):
    """Small pages that have between them what the style sheet gives a colour; each gets a verdict of every class."""
    page.goto(address(site, path))
    page.evaluate("document.querySelector('main').append(document.createElement('p'))")
    for word in sorted({*CLASSES.values()}):
        page.evaluate(f"document.querySelector('main').lastChild.innerHTML += '<b class=\"verdict {word}\">{word}</b> '")
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert_accessible(page, runOnly=["color-contrast"])


def assert_accessible(page, **options):
    results = axe.Axe().run(page, options={**options, **HERE})
    assert results.violations_count == 0, results.generate_report()
    assert results.response["passes"]


def test_every_colour_is_on_a_page_whose_contrast_is_checked(site):
    """The classes that the style sheet colours, of texts and of code, stand on one of these pages."""
    text = " ".join((site / path).read_text(encoding="utf-8") for path in COLOURED)
    used = {name for names in re.findall(r'class="([^"]+)"', text) for name in names.split()}
    assert {"good", "bad", "verdict", "trail", "lead", "detail", "reference", "state", "k", "nf", "nd", "sd", "mi"} <= used


def test_what_is_not_accessible_is_noticed(browser, tmp_path):
    (tmp_path / "page.html").write_text("<title>x</title><img src='data:,'><p style='color: #999; background: #fff'>pale")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    broken = {violation["id"] for violation in axe.Axe().run(page, options={"runOnly": LEVELS, **HERE}).response["violations"]}
    assert {"image-alt", "color-contrast", "html-has-lang"} <= broken


def test_every_kind_of_page_is_opened(site_data):
    templates = {page.template for page in pages(site_data)} - {"redirect.html"}
    assert {page.template for page in pages(site_data) if page.path in PAGES} == templates


def test_formulas_are_laid_out(site, page):
    page.goto(address(site, "entries/optimizers.adam.html"))
    fraction, whole = page.locator("mfrac").first.bounding_box(), page.locator("math").first.bounding_box()
    assert fraction["height"] > 20
    assert whole["height"] > 100


SCREENSHOTS = {  # what is looked at: the page, the theme, the width, the medium, and the part that is taken
    "entry-light": ("entries/optimizers.adam.html", "light", 1100, "screen", 0),
    "family-dark": ("families/adam.html", "dark", 1100, "screen", 0),
    "pictures-dark": ("entries/optimizers.adam.html#pictures", "dark", 1100, "screen", 1),
    "entry-narrow": ("entries/norm.batch.backward.html", "light", 400, "screen", 0),
    "erratum-print": ("errata/E07.html", "dark", 800, "print", 0),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", SCREENSHOTS)
def test_a_page_is_seen(site, page, tmp_path, request, name):
    """The screen is not of one colour; `--screenshots FOLDER` keeps the picture."""
    path, theme, width, medium, scrolls = SCREENSHOTS[name]
    page.set_viewport_size({"width": width, "height": 1000})
    page.emulate_media(media=medium)
    page.goto(site.joinpath(path.partition("#")[0]).as_uri() + "#" * scrolls + path.partition("#")[2])
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    target = Path(request.config.option.screenshots or tmp_path, f"{name}.png")
    page.screenshot(path=target)
    assert target.stat().st_size > 20_000
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (theme == "light" or medium == "print")
