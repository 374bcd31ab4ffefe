"""The site in a browser: nothing is reported as an error, the search finds, sliders move their curves, themes switch.

It needs Chromium and Playwright (`nox -s browser`); without them these tests are skipped.
"""

import re
import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
PAGES = (
    "index.html",
    "entries/optimizers.adam.html",
    "entries/schedule.cosine.html",
    "entries/activation.gelu.html",
    "entries/norm.batch.backward.html",
    "errata/E07.html",
    "families/adam.html",
    "ledger.html",
    "guides/trust.html",
    "derivations/bias-correction.html",
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


def test_pages_load_without_errors_and_fit_the_width(site, page):
    for path in PAGES:
        page.goto(address(site, path))
        assert page.locator("h1").is_visible()
        for width in (1100, 400):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


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
    assert page.locator("#results li").count() > 3


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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast(site, page, theme):
    """Every colour of text has a ratio of at least 4.5 to what is behind it, as level AA asks for."""
    page.goto(address(site, "entries/optimizers.adam.html"))
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 100
    assert min(ratio for ratio, _ in ratios) >= 4.5, min(ratios)


CONTRAST = """() => {
  const light = (colour) => {
    const parts = colour.match(/[0-9.]+/g).map(Number);
    if (parts[3] === 0) return null;
    const [r, g, b] = parts.map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let node = element; node; node = node.parentElement) {
      const found = light(getComputedStyle(node).backgroundColor);
      if (found !== null) return found;
    }
    return 1;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const ratios = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script, svg, .skip") || !element.checkVisibility()) continue;
    const pair = [light(getComputedStyle(element).color), behind(element)].sort((a, b) => b - a);
    ratios.push([(pair[0] + 0.05) / (pair[1] + 0.05), texts.currentNode.data.trim().slice(0, 40)]);
  }
  return ratios;
}"""


def test_formulas_are_laid_out(site, page):
    page.goto(address(site, "entries/optimizers.adam.html"))
    fraction, whole = page.locator("mfrac").first.bounding_box(), page.locator("math").first.bounding_box()
    assert fraction["height"] > 20
    assert whole["height"] > 100
