"""Where trials run: ``runner`` is what the loop asks for, ``scheduler`` what jobs run on, and where one is added."""
