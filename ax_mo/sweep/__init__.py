"""One sweep, from Hydra's call to the last page.

``run`` is where it begins: it reads the ``settings``, makes the ``spec`` of all that was asked for, and shows it
(``dry_run``) or runs it. ``session`` puts the parts together, runs the ``loop`` and says how it ended (``messages``).
The loop takes up what an earlier sweeper has left (``resume``), makes trials (``create_trial``) of ``suggestions``, and
takes in what has become of their jobs (``job_changes``). ``study`` alone changes a trial; ``callbacks`` look on, and
those in ``limits`` end the study early; ``interrupts`` are the user's. ``rebuild`` makes a lost database anew, with
what ``recovery`` finds in the trials' directories.

The way of a value: from ``params`` through ``settings`` and ``spec`` into a space (``ax_mo.search_space``); as a point
of that space from ``ax_mo.optimizer`` through ``suggestions`` and ``loop`` to ``study``; as an override through
``create_trial`` into a command (``ax_mo.hydra_project.program``), which a runner starts.

The way of a metric: the trial's process writes it into ``result.json`` (``ax_mo.trial.recorder``); when the runner says
that the job has ended, ``job_changes`` has it read (``ax_mo.runner.outcome``) and ``study`` records it; ``loop`` tells
the optimizer, and the callbacks, of which one writes the front (``ax_mo.results.files``).
"""
