"""Whether a scheduler that did not take a job ever will, and what its user can do about it.

TorchX's schedulers raise whatever their clients raise. What is not recognised here is tried again for some minutes.
"""

import re
from collections.abc import Mapping
from typing import Any

_PACKAGES: Mapping[str, str] = {
    "kubernetes": "kubernetes",
    "kubernetes_mcad": "kubernetes",
    "aws_batch": "boto3",
    "aws_sagemaker": "boto3 sagemaker",
    "gcp_batch": "google-cloud-batch",
    "local_docker": "docker",
}

# What sbatch says of requests that it will never take, and what they are made of.
_SBATCH: tuple[tuple[str, str], ...] = (
    (r"invalid partition|partition name", "See hydra.launcher.scheduler_args.partition; `sinfo` lists them."),
    (r"invalid account|account.*(not|permission)", "See hydra.launcher.scheduler_args.account."),
    (r"invalid qos", "See hydra.launcher.scheduler_args.qos."),
    (r"invalid feature|--constraint", "See hydra.launcher.scheduler_args.constraint."),
    (r"--time specification|time limit.*(exceed|invalid)", "See hydra.launcher.scheduler_args.time."),
    (r"generic resource|\bgres\b", "See hydra.launcher.gpu."),
    (r"memory specification", "See hydra.launcher.memMB."),
    (r"node configuration is not available|more processors requested|node count specification|cpu count",
     "See hydra.launcher.cpu, gpu and memMB: no node has as much."),
    (r"unrecognized option|invalid .*specif|invalid node name|invalid user|access.*denied|permission denied|"
     r"not authorized|user not found|invalid.*(option|argument)", ""),
)  # fmt: skip

# Of clients: there are no credentials, or no configuration, and trying again makes none.
_PERMANENT_TYPES = frozenset({
    "InvalidRunConfigException", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
    "TokenRetrievalError", "NoRegionError", "ProfileNotFound", "ConfigException", "DefaultCredentialsError",
})  # fmt: skip
_TRY_AGAIN = re.compile(r"throttl|too ?many ?requests|limit ?exceeded|slow ?down", re.IGNORECASE)


def refusal(scheduler: str, error: Exception) -> str | None:
    """Why such a job will never be taken, where a submission that ended with this error means that; None otherwise."""
    words = _permanent(scheduler, error)
    return None if words is None else f"The scheduler '{scheduler}' takes no such job: {words}"


def _permanent(scheduler: str, error: Exception) -> str | None:
    words = words_of(error)
    if isinstance(error, ImportError | NameError):  # TorchX leaves an import that failed as a name that is missing
        package = _PACKAGES.get(scheduler)
        advice = f"Install its client: pip install {package}" if package else "Its client library is missing."
        return f"{words}. {advice}"
    if isinstance(error, FileNotFoundError | PermissionError) and error.filename and "/" not in str(error.filename):
        return (
            f"the command '{error.filename}' is not there to be run: start the sweep on a machine that has the "
            "scheduler's commands (a login node), or choose another hydra.launcher.scheduler"
        )
    if scheduler == "slurm":
        advices = [advice for pattern, advice in _SBATCH if re.search(pattern, words, re.IGNORECASE)]
        return f"{words}. {advices[0]}".rstrip(". ") + "." if advices else None
    refused = _http_status(error) in (400, 401, 403, 404, 422) and not _TRY_AGAIN.search(words)
    return words if refused or type(error).__name__ in _PERMANENT_TYPES else None


def words_of(error: Exception) -> str:
    """What the scheduler said, as one line."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    text = "; ".join(dict.fromkeys(lines))[:1000]
    plain = type(error).__module__.startswith("ax_mo.")
    return text if plain and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _http_status(error: Any) -> Any:
    """The HTTP status that the clients of Kubernetes, Docker, Google and Amazon have kept in their errors."""
    for name in ("status", "status_code", "code"):
        if isinstance(getattr(error, name, None), int):
            return getattr(error, name)
    reply = getattr(error, "response", None)
    return reply.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(reply, dict) else None
