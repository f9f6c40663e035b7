"""The one command: `zslnb VERB ...`, which is also `python -m zslnb VERB ...`.

A verb is a request, a frozen dataclass whose fields are the options, and a function that does it.
The exit status is decided here and nowhere else: 0 done, 1 something failed, 2 a wrong request
or data that are not here, 130 interrupted. Each but 0 comes with the reason on stderr; the
traceback of what nobody foresaw goes to a log.
"""

import errno
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from zslnb.errors import RequestError, WorkError, unknown_name
from zslnb.files import build_dir, write_atomically

FREE = "free some space, and the same command goes on where this one stopped"
ELSEWHERE = "ZSLNB_BUILD names another folder than build/, --results one than results/"
ADVICE = {
    errno.ENOSPC: FREE, errno.EDQUOT: FREE, errno.EROFS: ELSEWHERE, errno.EACCES: ELSEWHERE,
}  # fmt: skip


class Verb(NamedTuple):
    """Where its request and its function are; imported on demand, since torch takes seconds."""

    request: str
    function: str
    what: str


VERBS = {
    "reproduce": Verb(
        "notebook.requests:ReproduceRequest", "notebook.reproduce:reproduce",
        "run the notebooks on a benchmark, and print the headline tables",
    ),
    "data": Verb(
        "encode.requests:DataRequest", "studies.published_data:bring_data",
        "bring CUB, SUN or AWA2: download, check, extract features",
    ),
    "pictures": Verb(
        "encode.requests:PicturesRequest", "encode.picture_benchmark:make_benchmark",
        "make a benchmark of your own pictures, in one folder a class",
    ),
    "pair": Verb(
        "notebook.requests:PairRequest", "notebook.pairing:pair",
        "execute the notebooks whose source changed",
    ),
    "exercises": Verb(
        "notebook.requests:ExercisesRequest", "notebook.exercises:write_exercises",
        "write copies of the notebooks for students and for instructors",
    ),
    "report": Verb(
        "report:ReportRequest", "report:report",
        "write the generated parts of README.md and docs/ from results/",
    ),
    "record": Verb(
        "notebook.requests:RecordRequest", "notebook.reproduce:record_run",
        "promote the records of the last run to results/",
    ),
    "why": Verb(
        "notebook.requests:WhyRequest", "notebook.why:why",
        "say where a record, table or figure came from",
    ),
    "aviary": Verb(
        "encode.requests:AviaryRequest", "encode.aviary_build:build_aviary",
        "draw the built-in benchmark and train its small CLIP again",
    ),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit status."""
    # a shell that starts this in the background has Ctrl-C ignored; both stop a verb in order
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console may lack the letters of a name
            stream.reconfigure(errors="backslashreplace")
    try:
        _run([*(sys.argv[1:] if arguments is None else arguments)])
    except KeyboardInterrupt:
        return _end(130, "interrupted; what is done is kept, and the same command goes on there")
    except RequestError as error:
        return _end(2, error)
    except OSError as error:  # without a number it is no system's, but our own sentence
        ours = isinstance(error, FileNotFoundError) and error.errno is None
        advice = ADVICE.get(error.errno or 0)
        return _end(2 if ours else 1, f"{error}; {advice}" if advice else error)
    except WorkError as error:
        return _end(1, error)
    except SystemExit as stop:  # help, or what tyro says of a wrong option
        return int(stop.code or 0)
    except Exception as error:
        return _end(1, _unforeseen(error))
    return 0


def _unforeseen(error: Exception) -> str:
    """Put a traceback into a log, and say where that is."""
    log = build_dir() / "logs" / "traceback.log"
    write_atomically(log, "".join(traceback.format_exception(error)))
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first} (nobody foresaw this; its traceback is in {log})"


def _end(status: int, why: object) -> int:
    print(f"zslnb: {why}", file=sys.stderr, flush=True)
    return status


def _run(arguments: list[str]) -> None:
    """Find the verb, read its options, and do it."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return
    name, *options = arguments
    if name not in VERBS:
        raise RequestError(unknown_name("command", name, VERBS))
    verb = VERBS[name]
    request = parse(_find(verb.request), f"zslnb {name}", options)
    _find(verb.function)(request)


def _find(address: str) -> Callable[..., Any]:
    """Import what "room.module:name" says."""
    module, _, name = address.partition(":")
    return getattr(import_module(f"zslnb.{module}"), name)


def usage() -> str:
    """List the verbs."""
    verbs = "\n".join(f"  {name:10} {verb.what}" for name, verb in VERBS.items())
    return f"usage: zslnb VERB [OPTIONS]\n\n{verbs}\n\nzslnb VERB --help lists a verb's options."


def parse(request: type, name: str, options: Sequence[str]) -> Any:
    """Read options into a request; what has no default is given without its name."""
    import tyro  # here: the list of verbs needs none

    # without the request's own checks, whose sentences tyro would put into a box
    unchecked = {"__doc__": request.__doc__, "__post_init__": lambda self: None}
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.PositionalRequiredArgs)
    given = tyro.cli(type(name, (request,), unchecked), prog=name, args=options, config=config)
    return request(**{key: _at_home(value) for key, value in vars(given).items()})


def _at_home(value: object) -> object:
    """Expand ~ in a path, which a quoted one keeps."""
    return value.expanduser() if isinstance(value, Path) else value
