"""Stopping trials that are not worth going on: settings, rules, what running trials report, the request to stop."""
