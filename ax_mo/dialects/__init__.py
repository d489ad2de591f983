"""Search spaces and settings as other sweepers have them, in the words of ours."""
