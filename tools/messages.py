#!/usr/bin/python3
"""tools/messages.py: docs/messages.md, every message that the program can print, from the sources.

A message is the format of err_set, err_sys, err_at, log_warn, log_error or of a preflight reason; what
to do is the err_hint beside it, else what its kind says (ADVICE). Printed to standard output.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
CALL = re.compile(r"\b(err_set|err_sys|err_at|err_hint|log_warn|log_error|refuse)\(")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
PIECE = re.compile(STRING.pattern + r"|\b(PRI[a-z]+\d+)")
HINT_LINES = 6  # how far below its message a hint may stand
ADVICE = {
    "ERR_FORMAT": "The bytes are damaged, or of a version this release does not know. Nothing was skipped. Look for disk or network "
                  "errors, run again; if it comes back, report it with the versions of both servers.",
    "ERR_LIMIT": "A limit was reached; it stands in the message. Make what is named smaller, or report that you need more.",
    "ERR_IO": "The operating system refused; its reason is the end of the message. Settle that (space, rights, reachability) and run the "
              "same command again.",
    "ERR_TLS": "Compare certificate, CA and name on both sides; `openssl s_client -connect HOST:PORT` shows what the server presents.",
    "ERR_AUTH": "Correct the user, the password or the right that is named; see [the rights](changes-on-your-servers.md).",
    "ERR_TIMEOUT": "Look at load and network of the server that is named, then run the same command again.",
    "ERR_STATE": "Not possible in this state: `handover migrate status` shows which it is and what may follow.",
    "ERR_REFUSED": "The server's own words stand at the end. Settle that there and run the same command again.",
    "ERR_USAGE": "Correct the command line or the configuration file; `handover help COMMAND` lists what is taken.",
    "ERR_AWS": "The service's own words stand at the end. Settle that there and run the same command again.",
    "ERR_STOPPED": "You asked for it. The same command goes on where it stopped.",
    "log_warn": "Nothing to do: the line says what was done instead.",
    "log_error": "The lines below it say what to do.",
}


def call_end(text, at):
    """The position behind the parenthesis that closes the one before `at`; strings are stepped over."""
    depth = 1
    while depth:
        c = text[at]
        if c == '"':
            at = STRING.match(text, at).end()
            continue
        depth += (c == "(") - (c == ")")
        at += 1
    return at


def arguments(body):
    """The arguments of a call, as they stand."""
    parts, depth, begin, at = [], 0, 0, 0
    while at < len(body):
        c = body[at]
        if c == '"':
            at = STRING.match(body, at).end()
            continue
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(body[begin:at].strip())
            begin = at + 1
        at += 1
    return [*parts, body[begin:].strip()]


def text_of(argument):
    """The text of a format: its pieces put together, every value as …"""
    if argument.startswith('"'):
        return show("".join(text or macro for text, macro in PIECE.findall(argument)))
    choices = STRING.findall(argument) if "?" in argument else []
    return " / ".join(show(s) for s in choices if s) or None


def show(text):
    text = re.sub(r"%[-+ #0]*(\*|\d+)?(\.(\*|\d+))?(PRI[a-z]+\d+|[hlzjt]*[a-zA-Z%])", lambda m: "%" if m.group(0) == "%%" else "…", text)
    return text.replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\").replace("|", "\\|").strip()


def calls(path):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), path.read_text(), flags=re.S)
    for match in CALL.finditer(text):
        end = call_end(text, match.end())
        line = text.count("\n", 0, match.start()) + 1
        yield match.group(1), line, arguments(text[match.end():end - 1])


def messages(path):
    """Rows (message, kind, hint) of one file."""
    found = []
    for name, line, parts in calls(path):
        if name == "err_hint":
            hint = text_of(parts[1]) if len(parts) > 1 else None
            if hint and found and not found[-1]["hint"] and line - found[-1]["line"] <= HINT_LINES:
                found[-1]["hint"] = hint
            continue
        kind, at = {"err_set": (parts[1] if len(parts) > 1 else "", 2), "err_sys": ("ERR_IO", 2),
                    "err_at": (parts[1] if len(parts) > 1 else "", 3), "refuse": ("preflight", 3)}.get(name, (name, 0))
        if len(parts) <= at:
            continue
        text = text_of(parts[at])
        if not text or text == "…":
            continue
        hint = text_of(parts[2]) if name == "refuse" else None
        if name == "refuse":
            text = f"preflight [{parts[1].strip(chr(34)) if parts[1].startswith(chr(34)) else '…'}]: {text}"
        if name == "err_sys":
            text += ": (the system's reason)"
        if name == "err_at":
            text += ", at offset …"
        kind = re.findall(r"ERR_[A-Z]+", kind)[0] if "ERR_" in kind else kind
        found.append({"text": text, "kind": kind, "hint": hint, "line": line})
    return found


def main():
    out = ["# Messages", "",
           "Every message that `handover` can print, by the part of the program it comes from; `…` stands for a value. Most are",
           "wrapped: what was being done stands in front of them. Below an error always stand `where:` and, when more is known at that",
           "moment, `do:`. This page is made from the sources by `make docs`, and the checks fail when the two differ.", ""]
    count = 0
    for folder in sorted(p for p in SRC.iterdir() if p.is_dir()):
        rows = {}
        for path in sorted(folder.glob("*.c")):
            for m in messages(path):
                rows.setdefault(m["text"], m["hint"] or ADVICE.get(m["kind"], ADVICE["ERR_STATE"]))
        if not rows:
            continue
        out += [f"## {folder.name}", "", "| message | what to do |", "| --- | --- |"]
        out += [f"| {text} | {hint[0].upper() + hint[1:]} |" for text, hint in sorted(rows.items(), key=lambda r: r[0].lower())]
        out.append("")
        count += len(rows)
    assert count > 200, "the sources are no more read as they are written"
    sys.stdout.write("\n".join(out))


if __name__ == "__main__":
    main()
