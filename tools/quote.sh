#!/bin/sh
# tools/quote.sh FILE: its lines as C string literals, for an #include where a text is wanted.
set -eu
sed -e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$/\\n"/' "$1"
