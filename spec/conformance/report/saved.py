"""Reports that others may keep: a result with what it was graded against, and a badge of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ...lines.digest import reference_digest
from ..result import Result

FORMAT = "trainspec-report/1"
LARGEST = 1 << 22  # bytes of a report
KEYS = frozenset({"format", "trainspec", "reference", "result"})
COLOURS: Mapping[str, str] = {"conforms": "#2e7d32", "identified": "#2e7d32", "deviates": "#c62828"}
OTHER_COLOUR = "#757575"
CHARACTER = 6.6  # width of a character of a badge, in pixels
MARGIN = 10


def report_of(result: Result) -> dict[str, Any]:
    """Return a report: the result, the version of the suite, and the digest of the formulas that it was graded against."""
    return {"format": FORMAT, "trainspec": version("trainspec"), "reference": reference_digest(), "result": result.as_json()}


def write_report(path: str, result: Result) -> None:
    """Write a report as JSON."""
    Path(path).write_text(json.dumps(report_of(result), indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def read_report(path: str) -> dict[str, Any]:
    """Return a report; ValueError says why a file is none."""
    if Path(path).stat().st_size > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST} bytes, so it is no report")
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as problem:
        raise ValueError(f"{path} is no JSON: {problem}") from None
    if not isinstance(report, dict) or report.get("format") != FORMAT or report.keys() != KEYS or not isinstance(report["result"], dict):
        raise ValueError(f"{path} must be a report of format {FORMAT}, with the keys {', '.join(sorted(KEYS))}")
    return report


def versions_apart(report: Mapping[str, Any]) -> str:
    """Return in words how a report was graded against something else than what is installed; nothing where it was not."""
    if report["reference"] == reference_digest():
        return ""
    return f"graded against other formulas than the installed ones: by trainspec {report['trainspec']}, installed is {version('trainspec')}"


def badge(report: Mapping[str, Any]) -> str:
    """Return a badge as SVG: what the subject follows, and in which format."""
    result = report["result"]
    verdict = str(result.get("verdict", "error"))
    value = f"{verdict}: {result['convention']}" if result.get("convention") else verdict
    value += f" ({result['dtype']})" if result.get("dtype") else ""
    label, colour = f"trainspec {report['trainspec']}", COLOURS.get(verdict, OTHER_COLOUR)
    left, right = (round(len(text) * CHARACTER + 2 * MARGIN) for text in (label, value))
    texts = ((left / 2, label), (left + right / 2, value))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img">',
            f"<title>{escape(f'{label}: {value}')}</title>",
            f'<rect width="{left}" height="20" fill="#37474f"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>',
            '<g fill="#fff" text-anchor="middle" font-family="Verdana,sans-serif" font-size="11">',
            *(f'<text x="{middle:g}" y="14">{escape(text)}</text>' for middle, text in texts),
            "</g></svg>\n",
        ]
    )
