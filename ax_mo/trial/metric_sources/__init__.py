"""Where a trial's metrics come from: what it returned, reported or logged, its configuration, and the files it wrote.

- ``settings``: ``hydra.sweeper.metrics`` as read, and the registry of all kinds of source (``SOURCES``).
- ``source``: what a kind of source is, and what it sees of a trial. ``docs/how_to/extending.md`` shows how to add one.
- ``values``, ``curves``, ``tensorboard``, ``rows``, ``logs``: the kinds there are.
- ``files``: which files of a trial's directory count. ``file_source``: what the kinds that read them share.
- ``precedence``: in which order all that a trial gave counts, and what the user is told of what is missing.
- ``differences``: numbers that a task returned and that differ from those that were used.
"""
