"""A study as a page to look at: figures, and ``report.html``."""

REPORT = "report.html"
