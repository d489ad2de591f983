"""Command lines for a shell, quoted so that people can read them."""

import re
import shlex
from collections.abc import Iterable

_SPECIAL = re.compile(r"[$`\"\\!]")  # what double quotes do not protect; the last is a shell's history


def quoted_word(word: str) -> str:
    """One word as a POSIX shell reads it: ``"kind='a b'"`` where shlex.quote writes ``'kind='"'"'a b'"'"''``."""
    if "'" in word and not _SPECIAL.search(word):
        return f'"{word}"'
    return shlex.quote(word)


def joined(words: Iterable[str]) -> str:
    """The words as one command line; ``shlex.split`` gives them again."""
    return " ".join(map(quoted_word, words))


def requoted(line: str) -> str:
    """A line that shlex.join made, with ``cd <directory> &&`` before it or without, in these quotes."""
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    if len(words) > 3 and words[0] == "cd" and words[2] == "&&":
        return in_directory(words[1], joined(words[3:]))
    return joined(words)


def in_directory(directory: str, line: str) -> str:
    return f"cd {quoted_word(directory)} && {line}"
