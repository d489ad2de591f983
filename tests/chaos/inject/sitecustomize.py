"""Python imports this at the start of every process whose PYTHONPATH names this directory."""

import faults

faults.install_from_environment()
