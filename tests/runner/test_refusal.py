"""Which answers of schedulers are worth another try."""

import pytest

from ax_mo.runner.cluster.refusal import refusal
from ax_mo.runner.cluster.slurm_scheduler import SbatchFailed


def of_type(name: str, text: str = "", **attributes: object) -> Exception:
    return type(name, (Exception,), attributes)(text)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("sbatch: error: invalid partition specified: gpuu", "hydra.launcher.scheduler_args.partition"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
         "scheduler_args.account"),
        ("sbatch: error: Invalid --time specification", "scheduler_args.time"),
        ("sbatch: error: Invalid generic resource (gres) specification", "hydra.launcher.gpu"),
        ("sbatch: error: Memory specification can not be satisfied\nsbatch: error: Batch job submission failed: "
         "Requested node configuration is not available", "hydra.launcher.memMB"),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not available",
         "hydra.launcher.cpu, gpu and memMB"),
        ("sbatch: unrecognized option '--frobnicate'", ""),
    ],
)  # fmt: skip
def test_what_slurm_will_never_take_is_refused_in_its_own_words_with_the_key(words: str, advice: str) -> None:
    found = refusal("slurm", SbatchFailed(words))
    assert found is not None
    assert words.splitlines()[0] in found
    assert advice in found


@pytest.mark.parametrize(
    "words",
    [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size "
        "and/or time limits)",
        "sbatch ended with -9 and said: ",
    ],
)
def test_what_slurm_may_take_later_is_tried_again(words: str) -> None:
    assert refusal("slurm", SbatchFailed(words)) is None


@pytest.mark.parametrize(
    ("scheduler", "error", "package"),
    [
        ("kubernetes", NameError("name 'CustomObjectsApi' is not defined"), "kubernetes"),
        ("gcp_batch", ModuleNotFoundError("No module named 'google.cloud'"), "google-cloud-batch"),
    ],
)
def test_missing_client_library_names_its_package(scheduler: str, error: Exception, package: str) -> None:
    found = refusal(scheduler, error)
    assert found is not None and found.endswith(f"pip install {package}")


@pytest.mark.parametrize(("missing", "is_a_command"), [("sbatch", True), ("/scratch/sweep/0/.sbatch", False)])
def test_missing_command_is_named_and_no_file_is_taken_for_one(missing: str, is_a_command: bool) -> None:
    found = refusal("slurm", FileNotFoundError(2, "No such file or directory", missing))
    assert (found is not None and "the command 'sbatch' is not there" in found) is is_a_command


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (of_type("NoCredentialsError", "Unable to locate credentials"), True),
        (of_type("ConfigException", "Invalid kube-config file. No configuration found."), True),
        (of_type("ApiException", "Forbidden", status=403), True),
        (of_type("ApiException", "Service Unavailable", status=503), False),
        (of_type("ApiException", "Too many requests", status=429), False),
        (of_type("ClientError", "An error occurred (ThrottlingException)",
                 response={"ResponseMetadata": {"HTTPStatusCode": 400}}), False),
        (of_type("ClientError", "An error occurred (ClientException): JobQueue gpu not found",
                 response={"ResponseMetadata": {"HTTPStatusCode": 400}}), True),
        (ConnectionError("Failed to connect to http://127.0.0.1:8265."), False),
        (of_type("SomethingNew", "nobody knows"), False),
    ],
)  # fmt: skip
def test_only_known_refusals_of_clients_are_permanent(error: Exception, permanent: bool) -> None:
    assert (refusal("kubernetes", error) is not None) is permanent
