"""Which process of which trial this is."""

import pytest

from ax_mo.trial import current

SRUN = {"SLURM_PROCID": "1", "SLURM_JOB_ID": "100", "SLURM_STEP_ID": "0"}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, launch in current.RANKS.items():
        for variable in (name, *launch):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(current.SWEEPERS_RANKS, "[]")  # to be put back in the end


def set_all(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "sweeper", [{"RANK": "1"}, SRUN, {"RANK": "3", "LOCAL_RANK": "1", "NODE_RANK": "1", "TORCHELASTIC_RUN_ID": "none"}]
)
def test_rank_of_the_sweeper_is_not_its_trials(monkeypatch: pytest.MonkeyPatch, sweeper: dict[str, str]) -> None:
    set_all(monkeypatch, sweeper)
    assert current.rank() > 0
    current.disown_ranks()
    assert current.rank() == 0


@pytest.mark.parametrize(
    ("sweeper", "process", "rank"),
    [
        ({}, {"RANK": "1"}, 1),
        ({"RANK": "1"}, {"LOCAL_RANK": "1"}, 1),  # Lightning's own launcher in a pod that has a rank
        ({"RANK": "1"}, {"RANK": "2"}, 2),
        ({"RANK": "1"}, {"RANK": "0", "LOCAL_RANK": "0"}, 0),
        ({"RANK": "1"}, {"RANK": "1", "TORCHELASTIC_RUN_ID": "none"}, 1),
        (SRUN, SRUN | {"SLURM_PROCID": "0", "SLURM_JOB_ID": "101"}, 0),  # a trial that was submitted
        (SRUN, SRUN | {"SLURM_JOB_ID": "101"}, 1),  # of two tasks
        (SRUN, SRUN | {"SLURM_STEP_ID": "1"}, 1),
        (SRUN, {"SLURM_PROCID": "2"}, 2),
        ({}, {"LOCAL_RANK": "0", "RANK": "8"}, 8),  # the first process of another node
        ({}, {"RANK": "none", "LOCAL_RANK": "", "SLURM_PROCID": "-1", "NODE_RANK": "0"}, 0),
    ],
)
def test_rank_that_a_process_of_the_trial_was_given_counts(
    monkeypatch: pytest.MonkeyPatch, sweeper: dict[str, str], process: dict[str, str], rank: int
) -> None:
    set_all(monkeypatch, sweeper)
    current.disown_ranks()
    set_all(monkeypatch, process)
    assert current.rank() == rank


def test_sweep_that_is_started_in_a_trial_has_ranks_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"RANK": "1"})
    current.disown_ranks()
    set_all(monkeypatch, {"RANK": "2"})
    current.disown_ranks()
    assert current.rank() == 0
