"""The commands of ``python -m ax_mo``, a module each."""
