"""The one command: verbs, exit statuses, and consoles that lack letters."""

import io
import re
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT

from zslnb import cli
from zslnb.errors import BenchmarkError, DivergedError, RequestError, WorkError


@pytest.fixture
def verb(monkeypatch):
    """Put a function in the place of `zslnb pair`'s."""

    def put(function):
        find = cli._find
        asked = cli.VERBS["pair"].function
        monkeypatch.setattr(cli, "_find", lambda at: function if at == asked else find(at))

    return put


def raising(error: BaseException):
    def work(request):
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (WorkError("10_topic failed"), 1, "zslnb: 10_topic failed\n"),
        (DivergedError("the loss is NaN", []), 1, "zslnb: the loss is NaN\n"),
        (OSError(28, "No space left"), 1, "zslnb: [Errno 28] No space left; free some space, and"),
        (OSError(30, "Read-only"), 1, "zslnb: [Errno 30] Read-only; ZSLNB_BUILD names another"),
        (OSError(5, "Input/output error"), 1, "zslnb: [Errno 5] Input/output error\n"),
        (RequestError("no such thing"), 2, "zslnb: no such thing\n"),
        (BenchmarkError("labels are bad"), 2, "zslnb: labels are bad\n"),
        (FileNotFoundError("There is no bundle"), 2, "zslnb: There is no bundle\n"),
        (FileNotFoundError(2, "No such file", "x"), 1, "zslnb: [Errno 2] No such file: 'x'\n"),
        (KeyboardInterrupt(), 130, "zslnb: interrupted; what is done is kept"),
    ],
)
def test_one_rule_says_the_exit_status(verb, capsys, error, status, says):
    verb(raising(error))
    assert cli.main(["pair"]) == status
    text = capsys.readouterr().err
    assert text.startswith(says)
    assert text.count("\n") == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero\nin detail"), ValueError("odd")])
def test_what_nobody_foresaw_is_one_line_and_a_traceback_in_a_log(verb, capsys, build, error):
    verb(raising(error))
    assert cli.main(["pair"]) == 1
    text = capsys.readouterr().err
    log = build / "logs" / "traceback.log"
    assert text.startswith(f"zslnb: {type(error).__name__}: {str(error).splitlines()[0]} (")
    assert str(log) in text
    assert text.count("\n") == 1
    assert "in work\n    raise error" in log.read_text()


def test_options_become_a_request(verb):
    requests = []
    verb(requests.append)
    assert cli.main(["pair", "10", "14", "--force", "--folder", "~/pages"]) == 0
    (request,) = requests
    assert (request.notebooks, request.force) == (("10", "14"), True)
    assert request.folder.is_absolute()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["reprduce"], "no command 'reprduce'. Did you mean 'reproduce'"),
        (["pair", "--forse"], "--forse"),
        (["pair", "--timeout", "soon"], "--timeout"),
        (["pair", "--timeout", "0"], "above 0 seconds"),
        (["reproduce", "--seeds", "many"], "--seeds"),
        (["record", "--profile", "smok"], "Did you mean 'smoke'?"),
    ],
)
def test_a_wrong_request_is_status_2(capsys, arguments, says):
    assert cli.main(arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_verbs_are_listed(capsys, arguments):
    assert cli.main(arguments) == 0
    listed = re.findall(r"(?m)^  (\w+) ", capsys.readouterr().out)
    assert listed == [*cli.VERBS]


@pytest.mark.parametrize("name", [name for name, verb in cli.VERBS.items() if verb.request])
def test_every_option_is_explained(capsys, name):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    for option in cli._find(cli.VERBS[name].request).__dataclass_fields__:
        assert f"--{option.replace('_', '-')}" in text or option.upper() in text.upper()


def test_help_and_wrong_options_need_no_torch():
    code = "import sys; from zslnb import cli; cli.main(['pair', '--timeout', '0']); "
    code += "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_console_without_the_letters_of_a_name_gets_their_numbers(verb, monkeypatch, name):
    """Windows, or a pipe: a folder of such a name must not end the command."""
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, name, console)
    verb(lambda request: print("麻雀, Käuzchen", file=console, flush=True))
    assert cli.main(["pair"]) == 0
    assert console.buffer.getvalue().decode("cp1252") == "\\u9ebb\\u96c0, Käuzchen\n"


def test_the_project_installs_the_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"zslnb": "zslnb.cli:main"}


def test_it_is_a_module_too():
    command = [sys.executable, "-m", "zslnb", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    assert done.returncode == 0
    assert b"usage: zslnb VERB" in done.stdout
