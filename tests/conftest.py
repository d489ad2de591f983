"""What all tests share."""

import os

# Each sweep of a test would fit a model for its page at its end: seconds of work that hundreds of tests do not look at.
os.environ.setdefault("AX_MO_REPORT", "0")
