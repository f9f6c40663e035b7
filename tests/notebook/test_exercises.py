"""`notebook.exercises`: blanks fail their checks, solutions pass them, and students see none.

Of each page only the cells are run here that its exercises need: no training, no figure.
"""

import ast
import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from kernels import Forked
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_output
from test_page_sources import SOURCES, each_notebook

from zslnb.errors import WorkError
from zslnb.notebook import desk
from zslnb.notebook.exercises import (
    BEGIN,
    END,
    Exercise,
    find_exercises,
    instructor_copy,
    stub,
    student_copy,
    tags,
    write_exercises,
)
from zslnb.notebook.requests import ExercisesRequest
from zslnb.notebook.sources import read_source, to_notebook, to_text

SENTENCE = re.compile(r"^(?!Not yet)[A-Z].+[.?]\)?$")
STUDIES = ("14", "15", "24", "30", "31", "32", "33", "34", "35")  # the other pages are lessons
QUICK = "10_class_diversity_promotion"
PAGES = {name: to_notebook(source) for name, source in SOURCES.items()}


def assigned(tree: ast.AST) -> set[str]:
    """Names that code sets, changes in place, imports or defines."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Attribute) and node.attr.endswith("_"):  # x.requires_grad_()
            names |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names


def read(statement: ast.stmt) -> set[str]:
    """Names that a statement reads, but those that it binds for itself."""
    nodes = [*ast.walk(statement)]
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.comprehension):
            bound |= assigned(node.target)
    loads = (n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return {node.id for node in loads} - bound


def read_first(tree: ast.Module) -> set[str]:
    """Names that a cell reads before it sets them."""
    names, own = set(), set()
    for statement in tree.body:
        names |= read(statement) - own
        own |= assigned(statement)
    return names


def cells_of(page: NotebookNode, exercise: Exercise) -> list[int]:
    """Places of an exercise's code cells: what it gives, the solution, the check."""
    heads = [
        i for i, cell in enumerate(page.cells[: exercise.solution]) if "exercise" in tags(cell)
    ]
    places = range(heads[-1], exercise.check + 1)
    return [place for place in places if page.cells[place].cell_type == "code"]


def given(page: NotebookNode, exercise: Exercise, names: dict[str, object]) -> list[object]:
    """What an exercise's own cells have set, such as what a bug makes."""
    code = "\n".join(page.cells[place].source for place in cells_of(page, exercise)[:-2])
    assert code or exercise.kind != "find the bug"
    return [names[name] for name in sorted(assigned(ast.parse(code)) & {*names})]


def cells_needed(page: NotebookNode) -> list[int]:
    """Places of the code cells that the page's exercises need, in order."""
    trees = {
        place: ast.parse(cell.source)
        for place, cell in enumerate(page.cells)
        if cell.cell_type == "code"
    }
    chosen, wanted = set(), set()
    exercised = {place for exercise in find_exercises(page) for place in cells_of(page, exercise)}
    for place in reversed(trees):
        if place in exercised or assigned(trees[place]) & wanted:
            chosen.add(place)
            wanted = (wanted - assigned(trees[place])) | read_first(trees[place])
    return sorted(chosen)


def otherwise(value: object) -> object:
    """An answer of the same kind that is wrong."""
    if isinstance(value, torch.Tensor):
        return ~value if value.dtype == torch.bool else value + 1
    if isinstance(value, dict):
        return {key: otherwise(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(otherwise(part) for part in value)
    if callable(value):
        return lambda *args, **kwargs: otherwise(value(*args, **kwargs))
    return not value if isinstance(value, bool) else value + ("?" if isinstance(value, str) else 1)


@each_notebook
def test_blanks_and_wrong_answers_fail_their_check_and_solutions_pass(name, build):
    page, names = PAGES[name], {"__name__": "__main__"}
    exercises = {exercise.solution: exercise for exercise in find_exercises(page)}
    for place in cells_needed(page):
        cell = page.cells[place]
        if place in exercises:
            check = page.cells[place + 1].source
            blank, wrong = dict(names), dict(names)
            exec(stub(cell.source, check), blank)
            with pytest.raises(AssertionError, match=r"^Not yet: .+\.$"):
                exec(check, blank)
            exec(cell.source, wrong)
            answers = assigned(ast.parse(stub(cell.source, check)))
            wrong |= {answer: otherwise(wrong[answer]) for answer in answers}
            with pytest.raises(AssertionError, match=SENTENCE):
                exec(check, wrong)
            for value in given(page, exercises[place], names):  # such as what a bug made
                wrong |= dict.fromkeys(answers, value)
                with pytest.raises(AssertionError, match=SENTENCE):
                    exec(check, wrong)
        exec(cell.source, names)


@each_notebook
def test_nothing_after_a_check_needs_the_solution(name):
    """The check replaces what later cells read by the library's, before it compares."""
    page = PAGES[name]
    for exercise in find_exercises(page):
        left, compared = assigned(ast.parse(page.cells[exercise.solution].source)), False
        for place, cell in enumerate(page.cells[exercise.check :], exercise.check):
            for statement in ast.parse(cell.source).body if cell.cell_type == "code" else ():
                compared |= "desk.check(" in ast.unparse(statement)
                if place > exercise.check:
                    assert not read(statement) & left, (exercise.number, place)
                if place == exercise.check and compared:  # it may never come to that
                    left |= assigned(statement)
                else:
                    left -= assigned(statement)


@each_notebook
def test_each_page_has_its_exercises_and_an_answer_to_its_question(name):
    page = PAGES[name]
    exercises = find_exercises(page)
    number = name[:2]
    assert [e.number for e in exercises] == [f"{number}.{i + 1}" for i in range(len(exercises))]
    kinds = [exercise.kind for exercise in exercises]
    assert kinds.count("code") >= (1 if number in STUDIES else 2)
    assert "find the bug" in kinds
    assert "predict" in kinds or number in STUDIES
    heads = [cell for cell in page.cells if "exercise" in tags(cell)]
    assert len(heads) == len(exercises)
    assert sum("hint" in tags(cell) for cell in page.cells) >= len(exercises)
    asked = sum("**To think about.**" in cell.source for cell in page.cells)
    assert sum("answer" in tags(cell) for cell in page.cells) == asked == 1


def secrets(page: NotebookNode) -> Iterator[str]:
    """Lines of solutions that their blanks do not hold, and answers."""
    for exercise in find_exercises(page):
        solution, check = page.cells[exercise.solution], page.cells[exercise.check]
        blank = stub(solution.source, check.source)
        for line in map(str.strip, solution.source.splitlines()):
            if len(line) > 14 and line not in blank:
                yield line
    yield from (cell.source for cell in page.cells if "answer" in tags(cell))


@each_notebook
def test_a_student_copy_tells_no_solution(name):
    copy = student_copy(SOURCES[name])
    text = "\n".join(cell.source for cell in copy.cells) + str(copy.metadata)
    text += str([cell.metadata for cell in copy.cells])
    assert not [secret for secret in secrets(PAGES[name]) if secret in text]
    assert BEGIN not in text
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in copy.cells)
    assert {*copy.metadata} == {"kernelspec", "language_info"}
    assert {key for cell in copy.cells for key in cell.metadata} <= {"tags", "nbgrader"}


def test_an_instructor_copy_has_the_solutions_the_answers_and_the_outputs(write_notebook):
    source = read_source(written(write_notebook))
    executed = to_notebook(source)
    executed.cells[-1].outputs = [new_output("stream", text="out")]
    source.executed.write_text(to_text(executed))
    copy = instructor_copy(source)
    assert copy.cells[-2].source == f"a = ...  # your turn\n{BEGIN}\na = 1 + 1\n{END}"
    assert copy.cells[-1].outputs[0].text == "out"
    source.path.write_text(source.path.read_text() + "\n# later\n")
    assert not instructor_copy(read_source(source.path)).cells[-1].outputs, "those are stale"


def ran(page: NotebookNode) -> NotebookNode:
    """Run a page as Jupyter does; an error that no tag allows is raised."""
    NotebookClient(page, timeout=600, kernel_manager_class=Forked).execute()
    return page


def verdicts(page: NotebookNode) -> list[str]:
    """How each check of an executed page ended."""
    checks = [cell for cell in page.cells if "check" in tags(cell)]
    errors = [[o.evalue for o in cell.outputs if o.output_type == "error"] for cell in checks]
    return [error[0] if error else "" for error in errors]


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> dict[str, NotebookNode]:
    """Both copies of a quick page, executed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZSLNB_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("ZSLNB_DEVICE", "cpu")
        source = SOURCES[QUICK]
        return {"student": ran(student_copy(source)), "instructor": ran(instructor_copy(source))}


@pytest.mark.slow
def test_a_page_with_blanks_runs_to_its_end(quick):
    exercises = find_exercises(PAGES[QUICK])
    assert [verdict[:7] for verdict in verdicts(quick["student"])] == ["Not yet"] * len(exercises)
    assert not any(verdicts(quick["instructor"]))
    code = [cell for cell in quick["student"].cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)


@pytest.mark.slow
@each_notebook
def test_every_page_with_blanks_runs_to_its_end(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLNB_RUNS", str(tmp_path))
    monkeypatch.setenv("ZSLNB_DEVICE", "cpu")
    assert all(v.startswith("Not yet") for v in verdicts(ran(student_copy(SOURCES[name]))))


@pytest.mark.slow
def test_nbgrader_grades_both_copies(quick):
    utils = pytest.importorskip("nbgrader.utils", reason="nbgrader is not installed")
    from nbgrader.nbgraderformat import MetadataValidator

    exercises = find_exercises(PAGES[QUICK])
    for reader, points in {"student": 0, "instructor": 1}.items():
        page = quick[reader]
        MetadataValidator().validate_nb(page)
        graded = [utils.determine_grade(cell) for cell in page.cells if utils.is_grade(cell)]
        assert len(graded) == len(exercises)
        assert all(got == points * most and most > 0 for got, most in graded)
        assert sum(utils.is_solution(cell) for cell in page.cells) == len(exercises)


@each_notebook
def test_nbgrader_blanks_an_instructor_copy_as_we_do(name):
    preprocessors = pytest.importorskip("nbgrader.preprocessors", reason="it is not installed")
    clear = preprocessors.ClearSolutions(code_stub={"python": ""})
    cleared, _ = clear.preprocess(instructor_copy(SOURCES[name]), {})
    ours = [cell.source for cell in student_copy(SOURCES[name]).cells if "solution" in tags(cell)]
    theirs = [cell.source.strip() for cell in cleared.cells if "solution" in tags(cell)]
    assert theirs == ours


def cell(tag: str, source: str) -> str:
    """A cell of a source, to be written after another."""
    kind = ' [markdown] tags=["exercise"]' if tag == "exercise" else f' tags=["{tag}"]'
    return f"# %%{kind}\n{source}\n"


HEAD = cell("exercise", "# **Exercise 10.1: a sum** (code, 5 minutes, easy). Add.")
SOLUTION, CHECK = cell("solution", "a = 1 + 1"), cell("check", "print(a)")


def written(write_notebook, *cells: str):
    return write_notebook("10_topic", "\n".join(["pass\n", *(cells or (HEAD, SOLUTION, CHECK))]))


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([HEAD.replace("5 minutes", "soon"), SOLUTION, CHECK], "Cell 4: an exercise starts as"),
        ([HEAD.replace("code", "riddle"), SOLUTION, CHECK], "kinds are code, predict"),
        ([SOLUTION, CHECK], "Cell 4: a solution stands between"),
        ([HEAD, SOLUTION, SOLUTION, CHECK], "Cell 5: a solution stands between"),
        ([HEAD, SOLUTION], "Cell 5: a solution stands between"),
        ([HEAD, SOLUTION, cell("check", "print(1)")], "has to read what its solution sets"),
    ],
)
def test_an_exercise_that_is_not_whole_is_refused(write_notebook, build, cells, says):
    folder = written(write_notebook, *cells).parent
    with pytest.raises(WorkError, match=f"^10_topic: .*{says}"):
        write_exercises(ExercisesRequest(folder=folder))
    assert not (build / "exercises").exists()


@pytest.mark.parametrize(
    ("solution", "blank"),
    [
        ("a = b = 1\nc, d = 1, 2", "a = ...  # your turn\nc = ...  # your turn"),
        ("with open(x) as f:\n    a = f.read()\na += 1", "a = ...  # your turn"),
        (
            'def a(x: int) -> int:\n    """Add."""\n    return x + 1\n\n\nc = 1',
            'def a(x: int) -> int:\n    """Add."""\n    return ...  # your turn\n\n'
            "c = ...  # your turn",
        ),
        ("def a(\n    x,\n):\n    return x", "def a(\n    x,\n):\n    return ...  # your turn"),
    ],
)
def test_a_blank_keeps_heads_and_the_names_that_the_check_reads(solution, blank):
    assert stub(solution, "print(a, c)") == blank


def test_the_command_writes_both_copies(write_notebook, build, capsys):
    folder = written(write_notebook).parent
    write_exercises(ExercisesRequest(("10",), folder))
    assert "10_topic: 1 exercises, 5 minutes" in capsys.readouterr().out
    texts = {
        reader: (build / "exercises" / reader / "10_topic.ipynb").read_text()
        for reader in ("student", "instructor")
    }
    assert ["1 + 1" in text for text in texts.values()] == [False, True]


@pytest.mark.parametrize("mine", [..., [1.0, ...], {"a": ...}])
def test_a_blank_is_told_from_a_wrong_answer(mine):
    with pytest.raises(AssertionError, match=r"^Not yet"):
        desk.check(mine, 1.0, "It is not one.")


@pytest.mark.parametrize(
    ("mine", "right"),
    [
        (2.0, 1.0),
        ("b", "a"),
        (None, "a"),
        (torch.ones(2), torch.zeros(2)),
        ([1.0], [1.0, 2.0]),
        ({"a": 1.0}, {"b": 1.0}),
        ("1", 1.0),
    ],
)
def test_a_wrong_answer_is_told_in_a_sentence(mine, right):
    with pytest.raises(AssertionError, match=r"^It is wrong\.$"):
        desk.check(mine, right, "It is wrong.")
    desk.check(right, right, "It is wrong.")


def test_a_wrong_shape_is_told():
    with pytest.raises(AssertionError, match=r"^No\. \(It has shape \(2, 1\), not \(2,\)\.\)$"):
        desk.check(torch.ones(2, 1), torch.ones(2), "No.")


@pytest.mark.parametrize(
    ("mine", "right"),
    [
        (torch.tensor(3), 3),
        (np.array(0.5), 0.5),
        (58.5, torch.tensor(58.5)),
        ([torch.tensor(1.0), 2], torch.tensor([1.0, 2.0])),
        ((1.0, 2.0), torch.tensor([1.0, 2.0]).double()),
        (np.ones((2, 2)), torch.ones(2, 2)),
        (torch.tensor([1.0, 2.0]).double(), [1.0, 2.0]),
        ([torch.tensor(1.0), np.float64(2)], (1.0, 2.0)),
        ({"S": torch.tensor(0), "U": 0.5}, {"S": 0.0, "U": 0.5}),
        ({"a": 1.0}, {"a": torch.tensor(1.0)}),
    ],
)
def test_an_answer_in_another_form_is_right_and_another_number_is_not(mine, right):
    desk.check(mine, right, "No.")
    if isinstance(mine, dict):
        more = {name: part + 1 for name, part in mine.items()}
    else:
        more = torch.as_tensor(mine) + 1
    with pytest.raises(AssertionError, match=r"^No\."):
        desk.check(more, right, "No.")


def test_a_judge_that_fails_says_nothing_of_shapes():
    with pytest.raises(AssertionError, match=r"^No\.$"):
        desk.check(torch.ones(2), lambda mine: torch.allclose(mine, torch.ones(2).double()), "No.")


def test_a_readers_function_may_fail_or_be_a_blank():
    desk.check(lambda: torch.ones(2), torch.ones(2), "No.")
    with pytest.raises(AssertionError, match=r"^Not yet"):
        desk.check(lambda: ..., 1.0, "No.")
    desk.check(lambda: torch.ones(2), lambda mine: bool(mine.all()), "No.")
    with pytest.raises(AssertionError, match=r"^No\. \(It stops with TypeError\.\)$"):
        desk.check(lambda: None + 1, 1.0, "No.")
    with pytest.raises(AssertionError, match=r"^No\.$"):
        desk.check(torch.ones(2).mean, 1.0, "No.")  # brackets are forgotten
    with pytest.raises(AssertionError, match=r"^No\.$"):
        desk.check(lambda: 2.0, 1.0, "No.")


def test_an_answer_of_another_precision_is_right():
    desk.check(torch.ones(2).double(), torch.ones(2), "No.")
    desk.check(1.01, 1.0, "No.", rtol=0, atol=0.1)
