"""Trials of several processes, which torchrun starts."""

import signal

import pytest

from tests.support.processes import pids_with
from tests.support.sweeps import ROOT, run
from tests.support.waiting import interrupt_twice, wait_until

TWO = ("x=interval(0,1)", "hydra.launcher.nproc_per_node=2", "hydra.sweeper.n_jobs=1")


def test_trial_of_two_processes_has_one_result_also_after_its_sweeper_was_killed(sweep):
    journal = sweep.tmp_path / "journal"
    options = (*TWO, f"journal={journal}", sweep.held, "leaves='a$$b$local_rank'", "hydra.sweeper.n_trials=1")
    first = sweep.start(*options)
    wait_until(lambda: journal.exists() and len(journal.read_text().split()) == 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = sweep.run_and_release("Trial 0 is still running", *options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")]
    assert journal.read_text().split() == ["0", "0"]
    assert sweep.result(0)["metrics"]["loss"] >= 0
    assert (sweep.dir / "0" / "a$$b$local_rank").exists(), "torchrun has its own ideas of dollars"
    (command,) = (line for line in done.output.splitlines() if line.startswith("Run a point again: "))
    assert "-m torch.distributed.run --standalone --nproc-per-node=2" in command


@pytest.mark.long
def test_both_processes_of_a_cancelled_trial_end(sweep):
    journal = sweep.tmp_path / "journal"
    process = sweep.start(*TWO, f"journal={journal}", sweep.held, "hydra.sweeper.n_trials=1", "mode=raises_when_ended")
    wait_until(lambda: journal.exists() and len(journal.read_text().split()) == 2)
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    wait_until(lambda: not pids_with(f"journal={journal}"), 20)


@pytest.mark.long
def test_example_trains_in_two_processes(sweep):
    """Lightning's DDP on gloo, each process with half of the data."""
    options = ("+trainer.strategy=ddp", "trainer.devices=2", "hydra.launcher.nproc_per_node=2")
    argv = [*sweep.argv()[:1], "train.py", "-m", "+experiment=nas", *options, "hydra.sweeper.n_trials=1"]
    done = run([*argv, f"hydra.sweep.dir={sweep.dir}"], ROOT / "example_project")
    assert done.returncode == 0, done.output
    (trial,) = sweep.trials()
    assert trial["status"] == "completed" and float(trial["metrics.num_params"]) > 0
    assert "Starting with process" not in (sweep.dir / "0" / "stderr.log").read_text()


def test_several_nodes_are_for_slurm(sweep):
    done = sweep.run("x=interval(0,1)", "hydra.launcher.nnodes=2")
    assert done.returncode == 1
    assert (
        "hydra.launcher.nnodes=2: the scheduler 'auto' runs a trial on one node; Slurm can on several." in done.output
    )
