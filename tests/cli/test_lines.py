"""Command lines that people read and shells understand."""

import shlex
import subprocess

from ax_mo.cli.lines import joined, quoted_word

NASTY = [
    "", " ", "a b", "kind='a b'", "it's", 'say "hi"', "it's \"both\"", "$HOME", "'$HOME'", "`id`", "'`id`'", "a\\b",
    "'a\\b'", "!!", "'!x'", "*", "~", "#c", "&&", "a\nb", "'a\nb'", "ä'ö", "{a,b}", "x=[1,'2']", "\\'", "'",
]  # fmt: skip


def test_words_survive_the_shell() -> None:
    assert [shlex.split(quoted_word(word)) for word in NASTY] == [[word] for word in NASTY]
    line = f"printf '%s|' {joined(NASTY)}"
    shown = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    assert shown == "".join(f"{word}|" for word in NASTY)


def test_quotes_in_a_word_stay_readable() -> None:
    assert joined(["python", "kind='<b>'", "x=1", "a b"]) == "python \"kind='<b>'\" x=1 'a b'"
