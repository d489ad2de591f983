"""One sweep, from Hydra's call to the last page.

``run`` is where it begins: it reads the ``settings``, makes the ``spec`` of all that was asked for, and shows it
(``dry_run``) or runs it. ``session`` puts the parts together, runs the ``loop`` and says how it ended (``messages``).
The loop takes up what an earlier sweeper has left (``resume``), makes trials (``create_trial``) of ``suggestions``, and
takes in what has become of their jobs (``job_changes``). ``study`` alone changes a trial; ``callbacks`` look on, and
those in ``limits`` end the study early; ``interrupts`` are the user's. ``rebuild`` makes a lost database anew, with
what ``recovery`` finds in the trials' directories.
"""
