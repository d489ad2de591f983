"""The race: its problems, that a study repeats, and the tables that are made of its results."""

from dataclasses import replace

import pytest
from race import run_study
from race_best_known import best_hypervolume
from race_flat import BRANIN_CURRIN, CAR_SIDE_IMPACT, VEHICLE_SAFETY
from race_problems import PROBLEMS
from race_store import Run, append_run, done, read_runs
from race_table import tables

from ax_mo.search_space.sample import QuasiRandomPoints

# Those that are computed or looked up; the other one trains networks.
QUICK = [problem for name, problem in PROBLEMS.items() if name != "architectures"]


@pytest.mark.parametrize("problem", QUICK, ids=lambda problem: problem.name)
def test_problem_can_be_solved_but_not_better_than_the_best_known(problem):
    points = QuasiRandomPoints(problem.space, 0)
    volumes = problem.hypervolumes([problem.evaluate(next(points)) for _ in range(200)])
    assert 0 < volumes[-1] < problem.best_known


@pytest.mark.parametrize(
    ("problem", "metrics"),
    [
        (BRANIN_CURRIN, (17.326554766262163, 8.905477165115405)),
        (VEHICLE_SAFETY, (1678.8482405, 9.39396, 0.118672)),
        (CAR_SIDE_IMPACT, (26.4528072, 4.13149, 12.36044625, 2.49076046)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_function_is_botorchs(problem, metrics):
    # At 0.4 of each range; the numbers are those of botorch.test_functions 0.18.1.
    assert tuple(problem.evaluate(problem.space.point_at([0.4] * len(problem.parameters))).values()) == pytest.approx(
        metrics
    )


def test_search_for_the_best_front_comes_near_the_best_known():
    assert best_hypervolume(BRANIN_CURRIN, 3_000) == pytest.approx(BRANIN_CURRIN.best_known, rel=0.03)


def test_study_repeats_with_its_seed_and_counts_every_trial():
    first, again, other = (run_study(("conditional", "sobol", 4, seed), 12, "") for seed in (0, 0, 1))
    assert first.hypervolume == again.hypervolume != other.hypervolume
    assert len(first.hypervolume) == len(first.seconds) == 12


def run(method: str, seed: int, last: float, problem: str = "conditional") -> Run:
    best = PROBLEMS[problem].best_known
    return Run(problem, method, 1, seed, (0.0,) * 9 + (last * best,), (1.0,) * 10, {}, "v1")


def table_of(*runs: Run) -> dict[str, list[str]]:
    """The cells of the first table by method."""
    text = tables(runs, {name: problem.best_known for name, problem in PROBLEMS.items()})
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n\n")[1].splitlines()]
    return {line[0]: line[1:] for line in lines[2:]}


def test_table_marks_what_is_within_one_standard_error_of_the_best():
    best = [run("best", 0, 0.8), run("best", 1, 0.9)]
    table = table_of(*best, run("near", 0, 0.81), run("far", 0, 0.79))
    assert table["best"][0] == "**.850±.050 (2)**"
    assert table["near"][0] == "**.810 (1)**"
    assert table["far"][0] == ".790 (1)"


def test_average_is_only_of_methods_that_ran_every_problem():
    table = table_of(run("all", 0, 0.2), run("all", 0, 0.4, "nested"), run("some", 0, 0.9))
    assert table["all"][-1] == "**.300 (2)**"
    assert table["some"][-1] == "-"


def test_run_in_the_results_is_done_unless_more_trials_are_wanted(tmp_path):
    path = tmp_path / "race.jsonl"
    assert read_runs(path) == []
    one = run("sobol", 0, 0.5)
    append_run(path, one)
    append_run(path, replace(one, hypervolume=(*one.hypervolume, 0.6), seconds=(*one.seconds, 0.1)))
    (last,) = read_runs(path)
    assert last.hypervolume[-1] == 0.6
    assert done([last], 11) == {("conditional", "sobol", 1, 0)}
    assert done([last], 12) == set()
