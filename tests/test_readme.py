"""The README: every snippet runs as printed, and every command that is cheap."""

import ast
import builtins
import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from trainspec.spec.cli import main

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
SNIPPETS = [text for text in PYTHON if not text.startswith("@formula")]
COMMANDS = [
    line.partition("  #")[0].partition("    #")[0].strip() for language, text in BLOCKS if language == "sh" for line in text.splitlines()
]

# What a test cannot run, and why.
NOT_RUN = {
    "python -m pip install nox && python -m nox -s verify": "minutes, and it installs",
    "python -m pip install nox && python -m nox -s tests": "it runs this test",
    "pip install .": "it installs",
    "trainspec verify": "minutes; other tests check every piece of evidence",
    "trainspec verify --full": "an hour",
    "trainspec check torch.optim:Adam": "torch may be missing",
    "trainspec matrix": "it asks the libraries that are installed",
}

FIRST = {"mine.py": next(text for text in SNIPPETS if text.startswith("# mine.py"))}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the README shows, in which commands and snippets run."""
    for name, text in FIRST.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("mine", None)  # a file of this name of another test
    yield tmp_path
    sys.modules.pop("mine", None)


def run_snippet(text):
    """Run a snippet statement by statement; a comment below one is the exception that it raises, or the value that it has."""
    lines, space, output = [*text.splitlines(), ""], {"__name__": "snippet"}, io.StringIO()
    for statement in ast.parse(text).body:
        below = lines[statement.end_lineno]
        comment = below.removeprefix("# ") if below.startswith("# ") else ""
        exception, _, message = comment.partition(": ")
        code = compile(ast.Module([statement], []), "README.md", "exec")
        with contextlib.redirect_stdout(output):
            if exception.endswith("Error"):
                with pytest.raises(getattr(builtins, exception), match=f"^{re.escape(message)}$"):
                    exec(code, space)
            elif comment and isinstance(statement, ast.Expr):
                assert repr(eval(compile(ast.Expression(statement.value), "README.md", "eval"), space)) == comment
            else:
                exec(code, space)
    return output.getvalue()


def test_there_are_snippets_and_commands():
    assert len(SNIPPETS) >= 7
    assert set(NOT_RUN) < set(COMMANDS)
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("text", SNIPPETS, ids=[next(line for line in text.splitlines() if line)[:40] for text in SNIPPETS])
@pytest.mark.usefixtures("folder")
def test_a_snippet_runs_as_printed(text):
    output = run_snippet(text)
    following = PYTHON[PYTHON.index(text) + 1 :][:1]
    if following and following[0].startswith("@formula"):
        assert output.strip() == following[0].strip()
    else:
        assert output == ""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in NOT_RUN])
@pytest.mark.usefixtures("folder")
def test_a_command_succeeds(command):
    program, *arguments = shlex.split(command)
    assert program == "trainspec"
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.output.strip()


def test_a_wrong_snippet_is_noticed():
    run_snippet("1 + 1\n# 2\n")
    with pytest.raises(AssertionError):
        run_snippet("1 + 1\n# 3\n")
    with pytest.raises(AssertionError):
        run_snippet("int('x')\n# ValueError: something else\n")
    with pytest.raises(NameError):
        run_snippet("np.ones(3)\n")


def test_links_lead_to_files():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert all((Path(__file__).parent.parent / link).exists() for link in links)
