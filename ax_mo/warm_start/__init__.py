"""Finished trials of earlier studies, as data of a new one."""
