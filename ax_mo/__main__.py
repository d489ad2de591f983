"""``python -m ax_mo``."""

import sys

from ax_mo.cli import main

sys.exit(main())
