"""Jobs through TorchX: on this machine, or on any cluster that TorchX knows."""

import logging

from ax_mo.errors import ConfigError, closest
from ax_mo.jobs.cluster_jobs import ClusterJobs
from ax_mo.jobs.image import check_image
from ax_mo.jobs.job import Jobs
from ax_mo.jobs.local_jobs import LocalJobs
from ax_mo.jobs.torchx_app import LOCAL, TorchXSettings


def torchx_jobs(settings: TorchXSettings) -> Jobs:
    """The jobs of a scheduler; raises ConfigError for one that this TorchX does not have."""
    logging.getLogger("torchx").setLevel(logging.WARNING)
    from torchx.schedulers import get_scheduler_factories

    factories = get_scheduler_factories()
    if settings.scheduler not in factories:
        raise ConfigError(
            f"hydra.launcher.scheduler: TorchX has no scheduler '{settings.scheduler}'; it has: {', '.join(factories)}."
            f"{closest(settings.scheduler, factories)}"
        )
    check_image(settings)
    return LocalJobs(settings) if settings.scheduler == LOCAL else ClusterJobs(settings)
