"""The command line ``ax-mo``: a module for each command."""
