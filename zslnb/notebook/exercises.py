"""Exercises made of the pages: a copy for students with blanks, one for instructors with all.

In a page's source an exercise is a Markdown cell tagged `exercise`, hints tagged `hint`, then a
code cell tagged `solution` and, right below it, one tagged `check`. The page shows the worked cell.
What comes after the check must not need the solution: the check puts the library's answer in its
place first, and then compares with `desk.check`. So a page with blanks runs to its end.

Both copies carry nbgrader's metadata; an answer to *To think about* is a cell tagged `answer`.
"""

import ast
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from zslnb.errors import WorkError
from zslnb.files import build_dir, write_atomically
from zslnb.notebook.pairing import is_stale
from zslnb.notebook.requests import ExercisesRequest
from zslnb.notebook.sources import Source, choose_sources, find_sources, to_notebook, to_text

POINTS = {"easy": 1, "medium": 2, "hard": 3}
KINDS = ("code", "predict", "find the bug")
HEAD = re.compile(
    r"\*\*Exercise (\d\d\.\d): [^*]+\*\* "
    rf"\(({'|'.join(KINDS)}), (\d+) minutes, ({'|'.join(POINTS)})\)"
)
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"  # nbgrader takes out what is between
TURN = "# your turn"


@dataclass(frozen=True)
class Exercise:
    """One exercise of a page: what its head says, and the places of its cells."""

    number: str
    kind: str
    minutes: int
    difficulty: str
    solution: int
    check: int


def write_exercises(request: ExercisesRequest) -> None:
    """Write both copies of the pages asked for, below `build/exercises`.

    Raises:
        WorkError: an exercise of the page named is not made as this module says.
    """
    folder = build_dir() / "exercises"
    for source in choose_sources(find_sources(request.folder), request.notebooks):
        try:
            exercises = find_exercises(to_notebook(source))
            copies = {"student": student_copy(source), "instructor": instructor_copy(source)}
        except WorkError as error:
            raise WorkError(f"{source.name}: {error}") from error
        for reader, notebook in copies.items():
            write_atomically(folder / reader / source.executed.name, to_text(notebook))
        minutes = sum(exercise.minutes for exercise in exercises)
        print(f"{source.name}: {len(exercises)} exercises, {minutes} minutes")
    print(f"The copies are in {folder / 'student'} and {folder / 'instructor'}.")


def find_exercises(page: NotebookNode) -> list[Exercise]:
    """Find the exercises of a page, in order.

    Raises:
        WorkError: cells are missing or out of order, or a head does not say what it must.
    """
    exercises, head = [], None
    for place, cell in enumerate(page.cells):
        if "exercise" in tags(cell):
            head = HEAD.search(cell.source)
            if not head:
                raise WorkError(
                    f"Cell {place + 1}: an exercise starts as **Exercise 10.1: title** (code, "
                    f"5 minutes, easy); kinds are {', '.join(KINDS)}."
                )
        if "solution" in tags(cell):
            if not head or "check" not in tags(*page.cells[place + 1 : place + 2]):
                raise WorkError(f"Cell {place + 1}: a solution stands between exercise and check.")
            number, kind, minutes, difficulty = head.groups()
            exercises.append(Exercise(number, kind, int(minutes), difficulty, place, place + 1))
            head = None
    return exercises


def tags(*cells: NotebookNode) -> set[str]:
    """Tags of cells."""
    return {tag for cell in cells for tag in cell.metadata.get("tags", ())}


def student_copy(source: Source) -> NotebookNode:
    """Make the page with blanks: no solutions, no answers, no outputs."""
    page = _copy(to_notebook(source))
    for exercise in find_exercises(page):
        solution, check = page.cells[exercise.solution], page.cells[exercise.check]
        solution.source = stub(solution.source, check.source)
        for cell in (solution, check):  # whatever goes wrong here, the page goes on
            cell.metadata["tags"] = [*cell.metadata["tags"], "raises-exception"]
    page.cells = [cell for cell in page.cells if "answer" not in tags(cell)]
    return page


def instructor_copy(source: Source) -> NotebookNode:
    """Make the page with solutions marked for nbgrader, and its outputs if it has been executed."""
    executed = source.executed.is_file() and not is_stale(source)
    page = _copy(nbformat.read(source.executed, as_version=4) if executed else to_notebook(source))
    for exercise in find_exercises(page):
        solution, check = page.cells[exercise.solution], page.cells[exercise.check]
        blank = stub(solution.source, check.source)
        solution.source = "\n".join([blank, BEGIN, solution.source, END])
    return page


def _copy(page: NotebookNode) -> NotebookNode:
    """Copy a page without what ties it to its source, and with nbgrader's metadata."""
    page = deepcopy(page)
    kept = ("kernelspec", "language_info")
    page.metadata = NotebookNode({key: page.metadata[key] for key in kept})
    for cell in page.cells:
        cell.metadata = NotebookNode({"tags": [*cell.metadata.get("tags", ())]})
    for exercise in find_exercises(page):
        name = exercise.number.replace(".", "-")
        points = {"points": POINTS[exercise.difficulty]}
        page.cells[exercise.solution].metadata["nbgrader"] = _nbgrader(f"solution-{name}", False)
        page.cells[exercise.check].metadata["nbgrader"] = _nbgrader(f"check-{name}", True) | points
    return page


def _nbgrader(grade_id: str, grade: bool) -> dict[str, object]:
    """Metadata of a cell to be graded, which is locked, or of one to be written."""
    roles = {"grade": grade, "locked": grade, "solution": not grade, "task": False}
    return {"grade_id": grade_id, "schema_version": 3, **roles}


def stub(solution: str, check: str) -> str:
    """Blank a solution: heads of its functions stay, and the names that its check reads.

    Raises:
        WorkError: the check reads nothing that the solution sets.
    """
    lines = solution.splitlines()
    read = {node.id for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Name)}
    blanks = {}
    for statement in ast.parse(solution).body:
        if isinstance(statement, ast.FunctionDef):
            first = statement.body[0]
            end = first.end_lineno if ast.get_docstring(statement) else first.lineno - 1
            head = "\n".join(lines[statement.lineno - 1 : end])
            blanks[statement.name] = f"{head}\n    return ...  {TURN}\n"
        else:
            blanks |= {name: f"{name} = ...  {TURN}" for name in _assigned(statement)}
    if not read & {*blanks}:
        raise WorkError(f"A check has to read what its solution sets; this one does not: {check}")
    return "\n".join(blank for name, blank in blanks.items() if name in read).rstrip()


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement sets, in order."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
