"""Whether this is ``make test-long``: what it runs beside ``make test`` is marked ``long`` or ``longer``."""

import os

LONG = bool(os.environ.get("AX_MO_TEST_LONG"))
