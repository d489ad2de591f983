"""Jobs on any cluster that TorchX knows, and those in containers."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ax_mo.core.process import recorded
from ax_mo.errors import ConfigError
from ax_mo.runner.cluster.containers import Mounts
from ax_mo.runner.cluster.refusal import refusal, words_of
from ax_mo.runner.cluster.workspace import check_workspace, patched_image
from ax_mo.runner.job import CancelFailed, Cause, Job, JobSpec, JobState, NoAnswer, Phase, SubmitLater, SubmitRefused
from ax_mo.runner.scheduler import Scheduler
from ax_mo.runner.settings import LauncherSettings
from ax_mo.runner.torchx_app import SESSION, app_of, check_arguments

# What TorchX 0.7.0's list raises where it cannot list: no such call, no client, a context without a namespace.
_CANNOT_LIST = (NotImplementedError, ImportError, NameError, KeyError, TypeError, AttributeError)

_TESTED = ("slurm", "local_docker", "kubernetes")
"""On which studies have run: docs/how_to/engines.md says how."""

_STATES = {
    "SUBMITTED": JobState(Phase.PENDING),
    "PENDING": JobState(Phase.PENDING),
    "RUNNING": JobState(Phase.RUNNING),
    "SUCCEEDED": JobState(Phase.ENDED, 0),
    "FAILED": JobState(Phase.ENDED, 1, "the scheduler reports FAILED"),
    "CANCELLED": JobState(Phase.ENDED, None, "cancelled by the scheduler", Cause.CANCELLED),
}


class TorchXScheduler(Scheduler):
    """Jobs of a cluster's scheduler. The sweep directory must be on a file system that the nodes share."""

    result_grace_seconds = 20.0

    def __init__(self, settings: LauncherSettings) -> None:
        from torchx.runner.api import Runner

        super().__init__(settings)
        self._name = settings.scheduler
        self._uncertain: set[str] = set()  # names whose submission failed, which does not mean that it did not happen
        self._torchx = Runner(SESSION, {self._name: self._factory()})

    def _factory(self) -> Any:
        """What makes TorchX's scheduler."""
        from torchx.schedulers import get_scheduler_factories

        return get_scheduler_factories()[self._name]

    def check(self) -> None:
        """Try all of a submission but the submission. Raises ConfigError where the scheduler would refuse every job."""
        try:
            self.check_arguments()
            self._submit(JobSpec("ax-check", ("true",), Path.cwd(), Path.cwd()), only_try=True)
        except ConfigError:
            raise
        except Exception as error:  # TorchX's schedulers raise whatever their clients raise
            if (refused := refusal(self._name, error)) is not None:
                raise ConfigError(refused) from None

    def remark(self, argv: Sequence[str], cwd: Path) -> str:
        if self._name in _TESTED:
            return ""
        return f"no study of ours has run on the scheduler '{self._name}' yet; its requests are TorchX's"

    def check_arguments(self) -> None:
        check_arguments(self._name, self.settings.scheduler_args, self._torchx)

    def request(self, spec: JobSpec) -> str:
        return str(self._request(self._app(spec))).strip()

    def submit(self, spec: JobSpec) -> str:
        try:
            handle = self.find(spec.name, spec.directory) if spec.name in self._uncertain else None
            handle = handle or self._handle(self._submit(spec))
        except NoAnswer as error:
            raise SubmitLater(str(error)) from None
        except Exception as error:
            if (refused := refusal(self._name, error)) is not None:
                raise SubmitRefused(refused) from None
            self._uncertain.add(spec.name)
            raise SubmitLater(words_of(error)) from None
        self._uncertain.discard(spec.name)
        return handle

    def find(self, name: str, directory: Path) -> str | None:
        # TorchX appends an identifier to the name, and puts an address, a namespace or a queue before it.
        own = re.compile(rf"(^|[^a-z0-9]){re.escape(name)}-[a-z0-9]+$", re.IGNORECASE)
        try:
            found = [app_id for app_id in self._listed() if own.search(app_id)]
        except _CANNOT_LIST:
            return None
        except Exception as error:
            raise NoAnswer(words_of(error)) from None
        return self._handle(found[-1]) if found else None

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        return [self._state(job) for job in jobs]

    def cancel(self, jobs: Sequence[Job]) -> None:
        untold: list[Job] = []
        words = ""
        for job in jobs:
            try:
                self._tell_to_end(job)
            except Exception as error:  # one job that cannot be told must not keep the others running
                untold.append(job)
                words = words_of(error)
        if untold:
            raise CancelFailed(untold, words)

    def _tell_to_end(self, job: Job) -> None:
        """Raises whatever the scheduler's client raises."""
        self._torchx.cancel(job.handle)

    def close(self) -> None:
        self._torchx.close()

    def _submit(self, spec: JobSpec, only_try: bool = False) -> str:
        """The scheduler's own name for the new job."""
        request = self._request(self._app(spec))
        return "" if only_try else app_id_of(self._torchx.schedule(request))

    def _app(self, spec: JobSpec) -> Any:
        return app_of(spec, self._argv(spec), self.settings, self._env(spec))

    def _env(self, spec: JobSpec) -> dict[str, str]:
        return {**self.settings.env, **spec.env}

    def _request(self, app: Any) -> Any:
        return self._torchx.dryrun(app, self._name, self._arguments())

    def _arguments(self) -> dict[str, Any]:
        """TorchX's run options."""
        return dict(self.settings.scheduler_args)

    def _argv(self, spec: JobSpec) -> Sequence[str]:
        return spec.argv

    def _listed(self) -> list[str]:
        """The scheduler's names of all jobs it knows."""
        return [app.app_id for app in self._torchx.list(self._name)]

    def _state(self, job: Job) -> JobState:
        try:
            status = self._torchx.status(job.handle)
        except Exception as error:  # a scheduler that does not answer says nothing about the job
            text = f"The scheduler '{self._name}' does not answer: {words_of(error)}"
            return JobState(Phase.UNKNOWN, message=text)
        return JobState(Phase.UNKNOWN) if status is None else _STATES.get(status.state.name, JobState(Phase.UNKNOWN))

    def _handle(self, app_id: str) -> str:
        return f"{self._name}://{SESSION}/{app_id}"


class ContainerScheduler(TorchXScheduler):
    """Jobs in containers of ``image``, which see what ``mounts`` show them."""

    def __init__(self, settings: LauncherSettings) -> None:
        super().__init__(settings)
        self._mounts = Mounts.parse(settings.mounts)
        self._sweep_dir = Path.cwd()

    def check_arguments(self) -> None:
        super().check_arguments()
        if self.settings.workspace:
            check_workspace(self._factory()(SESSION), self._name, self.settings.scheduler_args)

    def check(self) -> None:
        """Raises ConfigError where no job could be submitted. Builds the image that a workspace is for."""
        super().check()
        if self.settings.workspace:
            app = self._app(JobSpec("ax-check", ("true",), Path.cwd(), Path.cwd()))
            project = Path(self.settings.workspace).resolve()
            image = patched_image(self._factory()(SESSION), app, project, self._sweep_dir, self.settings.scheduler_args)
            self.settings = replace(self.settings, image=image, workspace="")

    def remark(self, argv: Sequence[str], cwd: Path) -> str:
        workspace, image = self.settings.workspace, self.settings.image
        built = f"trials run in an image that the sweep has Docker make of {image} and of what is in {workspace}"
        return "; ".join(words for words in (super().remark(argv, cwd), built if workspace else "") if words)

    def check_program(self, argv: Sequence[str], cwd: Path, sweep_dir: Path) -> None:
        self._sweep_dir = sweep_dir
        if not self.settings.results_url:
            self._mounts.check(self._name, argv, cwd, sweep_dir)

    def _argv(self, spec: JobSpec) -> Sequence[str]:
        if self.settings.results_url:  # the image's own directory is the project's
            return spec.argv
        return [self._mounts.there(word) for word in in_directory(spec)]

    def _env(self, spec: JobSpec) -> dict[str, str]:
        return {name: self._mounts.there(value) for name, value in super()._env(spec).items()}

    def _app(self, spec: JobSpec) -> Any:
        return app_of(spec, self._argv(spec), self.settings, self._env(spec), self._mounts.parsed)


def in_directory(spec: JobSpec) -> list[str]:
    """The argv of a shell that executes the job's there, in its own place, with its output in its own directory."""
    return recorded(tuple(in_place(spec)), spec.directory)


def in_place(spec: JobSpec) -> list[str]:
    """The argv of a shell that executes the job's there."""
    return ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "ax_mo", str(spec.cwd), *spec.argv]


def app_id_of(handle: str) -> str:
    """The scheduler's own name for the job: the last part of TorchX's handle."""
    return handle.rpartition("/")[2]
