#!/usr/bin/python3
"""tools/embed.py OUT.c FILE...: the files as C strings, found by name.

The output defines `const struct embedded_file embedded_files[]`, ended by a row of NULL; the
struct is declared in src/knowledge/knowledge_internal.h. A name is the file's own, without folder.
"""
import os
import sys


def literal(data):
    """One C string literal per line of the file; every byte that is not plain ASCII is octal."""
    for line in data.splitlines(keepends=True):
        text = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in line)
        yield f'    "{text}"\n'


def main(out, paths):
    with open(out, "w") as f:
        f.write('#include "knowledge/knowledge_internal.h"\n\n')
        f.write("const struct embedded_file embedded_files[] = {\n")
        for path in paths:
            with open(path, "rb") as source:
                data = source.read()
            f.write(f'{{"{os.path.basename(path)}", {len(data)},\n')
            f.writelines(literal(data) if data else ['""\n'])
            f.write("},\n")
        f.write("{NULL, 0, NULL},\n};\n")


main(sys.argv[1], sys.argv[2:])
