"""What the demo prints: steps, facts, commands as they are typed, and what came out of them."""

import os
import shlex
import sys

INDENT = "   "
WIDE = 110  # a longer command is typed over several lines
IS_TERMINAL = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _styled(code, text):
    return f"\033[{code}m{text}\033[0m" if IS_TERMINAL else text


_was_output = False  # the last line was no title and no command: the next command stands apart


def _show(text, is_output):
    global _was_output
    _was_output = is_output
    print(text, flush=True)


def line(text=""):
    _show(f"{INDENT}{text}".rstrip(), True)


def step(title):
    _show("\n" + _styled(1, f"== {title}"), False)


def title(*lines):
    _show(_styled(1, "\n".join(lines)), False)


def note(text):
    """A word between commands."""
    _show(f"\n{INDENT}{text}", False)


def row(name, value):
    line(f"{name:<34} {value}")


def typed(text):
    if _was_output:
        line()
    _show(INDENT + _styled(36, f"$ {text}"), False)


def _quoted(word):
    """For a shell: in double quotes where single ones would be hard to read."""
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)


def command(words, background=False):
    """A command line that can be typed so."""
    words = [_quoted(str(w)) for w in words]
    text = " ".join(words)
    if len(text) > WIDE:  # one option a line
        text = ""
        for word in words:
            text += (" \\\n" + INDENT + "      " if word.startswith("--") else " " if text else "") + word
    typed(f"{text}{' &' if background else ''}")


def output(text, excerpt=None):
    """What a command printed; `excerpt` chooses lines of it, and the rest is counted."""
    lines = text.rstrip("\n").splitlines()
    shown = lines if excerpt is None else excerpt(lines)
    for one in shown:
        line(one)
    if len(shown) < len(lines):
        line(f"[... {len(lines) - len(shown)} more lines]")


def ended(code, seconds):
    line(_styled(2, f"[exit {code}, {seconds:.1f} s]"))


def bytes_shown(size):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
