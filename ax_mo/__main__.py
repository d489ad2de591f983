"""``python -m ax_mo``."""

import sys

from ax_mo.cli.main import main

sys.exit(main())
