"""Jobs through TorchX: on this machine, or on any cluster that TorchX knows."""

import logging

from ax_mo.errors import ConfigError, closest
from ax_mo.runner.cluster_jobs import ClusterJobs
from ax_mo.runner.image import check_image
from ax_mo.runner.job import Jobs
from ax_mo.runner.local_jobs import LocalJobs
from ax_mo.runner.torchx_app import LOCAL, TorchXSettings


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
