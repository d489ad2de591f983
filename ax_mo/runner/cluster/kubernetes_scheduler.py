"""``hydra.launcher.scheduler=kubernetes``: pods by TorchX, as jobs of Volcano; all states in one request."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ax_mo.errors import ConfigError
from ax_mo.runner.cluster.refusal import words_of
from ax_mo.runner.cluster.torchx_scheduler import ContainerScheduler, app_id_of
from ax_mo.runner.job import Cause, Job, JobSpec, JobState, NoAnswer, Phase
from ax_mo.runner.scheduler import jobs_on_nodes

_VOLCANO = {"group": "batch.volcano.sh", "version": "v1alpha1", "plural": "jobs"}
_SECONDS = 30
_NOT_FOUND = 404
_WITH_PODS = "Foreground"
"""The job is there until its pods have ended."""
_KEEPS_OUT = ("NoSchedule", "NoExecute")
"""Effects of a taint; also of nodes that are not ready or cordoned. TorchX's pods tolerate none."""
_GPU = "nvidia.com/gpu"

_PHASES: Mapping[str, JobState] = {
    "Pending": JobState(Phase.PENDING),
    "Inqueue": JobState(Phase.PENDING),
    "Running": JobState(Phase.RUNNING),
    "Completing": JobState(Phase.RUNNING),
    "Restarting": JobState(Phase.RUNNING),
    "Aborting": JobState(Phase.RUNNING),
    "Terminating": JobState(Phase.RUNNING),
    "Completed": JobState(Phase.ENDED, 0),
    "Failed": JobState(Phase.ENDED, 1, "Kubernetes reports Failed"),
    "Terminated": JobState(Phase.ENDED, 1, "Kubernetes reports Terminated"),
    "Aborted": JobState(Phase.ENDED, None, "Kubernetes reports Aborted", Cause.CANCELLED),
}
"""Volcano's, of a job; see https://volcano.sh/en/docs/vcjob."""


_GONE = JobState(Phase.ENDED, None, "Kubernetes does not have its job any more")


class KubernetesScheduler(ContainerScheduler):
    """Pods of one namespace."""

    def _factory(self) -> Any:
        """TorchX's own, with our client: by itself, it looks into no cluster from inside."""
        from kubernetes.config import ConfigException
        from torchx.schedulers.kubernetes_scheduler import create_scheduler

        def made(session: str, **_: Any) -> Any:
            try:
                return create_scheduler(session, client=self._client)
            except ConfigException:  # a request can be shown without a cluster
                return create_scheduler(session)

        return made

    def check(self) -> None:
        """Raises ConfigError where no file says which cluster, or its scheduler would refuse every job."""
        from kubernetes.config import ConfigException

        try:
            assert self._client is not None
        except ConfigException as error:
            raise ConfigError(
                f"hydra.launcher.scheduler=kubernetes: nothing says which cluster ({error}). ~/.kube/config or "
                "the variable KUBECONFIG does; inside of a pod, its service account."
            ) from None
        super().check()

    @cached_property
    def _client(self) -> Any:
        """Of ``~/.kube/config``, or of the pod that this runs in. Raises ConfigException where there is neither."""
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            config.load_kube_config(client_configuration=configuration)
        except config.ConfigException:
            config.load_incluster_config(client_configuration=configuration)
        return client.ApiClient(configuration)

    @property
    def auto_n_jobs(self) -> int:
        """By what the nodes can allocate, whoever else has it now, and what TorchX requests for a pod."""
        from kubernetes import client
        from kubernetes.utils.quantity import parse_quantity
        from torchx.schedulers.kubernetes_scheduler import RESERVED_MEMMB, RESERVED_MILLICPU

        try:
            nodes = client.CoreV1Api(self._client).list_node(_request_timeout=_SECONDS).items
        except Exception as error:
            raise NoAnswer(words_of(error)) from None
        needs = {
            "cpu": self.settings.cpu - RESERVED_MILLICPU / 1000,
            "memory": (self.settings.memMB - RESERVED_MEMMB) * 10**6,
            _GPU: self.settings.gpu,
        }
        return jobs_on_nodes(
            [
                {name: float(parse_quantity(amount)) for name, amount in node.status.allocatable.items()}
                for node in nodes
                if not any(taint.effect in _KEEPS_OUT for taint in node.spec.taints or ())
            ],
            needs,
        )

    def _argv(self, spec: JobSpec) -> Sequence[str]:
        return [_literal(word) for word in super()._argv(spec)]

    def _env(self, spec: JobSpec) -> dict[str, str]:
        return {name: _literal(value) for name, value in super()._env(spec).items()}

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        try:
            phases = {
                f"{namespace}:{name}": phase
                for namespace in {app_id_of(job.handle).rpartition(":")[0] for job in jobs}
                for name, phase in self._phases(namespace).items()
            }
        except Exception as error:  # a cluster that does not answer says nothing about its jobs
            silent = JobState(Phase.UNKNOWN, message=f"Kubernetes does not answer: {words_of(error)}")
            return [silent] * len(jobs)
        names = [app_id_of(job.handle) for job in jobs]
        return [_PHASES.get(phases[name], JobState(Phase.UNKNOWN)) if name in phases else _GONE for name in names]

    def _tell_to_end(self, job: Job) -> None:
        """Deletes it: TorchX's nightly of October 2026 would write to its status that it is aborted."""
        namespace, _, name = app_id_of(job.handle).rpartition(":")
        try:
            self._api.delete_namespaced_custom_object(
                namespace=namespace, name=name, propagation_policy=_WITH_PODS, _request_timeout=_SECONDS, **_VOLCANO
            )
        except Exception as error:
            if getattr(error, "status", None) != _NOT_FOUND:
                raise

    def request(self, spec: JobSpec) -> str:
        if "validate_spec" in dict(self._torchx.scheduler_run_opts(self._name)):  # by the cluster, in later TorchX
            return str(self._torchx.dryrun(self._app(spec), self._name, {**self._arguments(), "validate_spec": False}))
        return super().request(spec)

    def _listed(self) -> list[str]:
        return [f"{self._namespace}:{name}" for name in self._phases(self._namespace)]

    @cached_property
    def _api(self) -> Any:
        from kubernetes import client

        return client.CustomObjectsApi(self._client)

    @property
    def _namespace(self) -> str:
        return str(self.settings.scheduler_args.get("namespace") or "default")

    def _phases(self, namespace: str) -> dict[str, str]:
        """Of all jobs by name, in one request; pending for one that Volcano has not looked at."""
        listed = self._api.list_namespaced_custom_object(namespace=namespace, _request_timeout=_SECONDS, **_VOLCANO)
        return {
            job["metadata"]["name"]: job.get("status", {}).get("state", {}).get("phase", "Pending")
            for job in listed["items"]
        }


def _literal(text: str) -> str:
    """Kubernetes makes one dollar of two in commands and variables, and a variable's value of ``$(NAME)``."""
    return text.replace("$", "$$")
