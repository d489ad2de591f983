"""One sweep from its settings to its end: what was asked for, the study, the loop, resuming, the dry run."""
