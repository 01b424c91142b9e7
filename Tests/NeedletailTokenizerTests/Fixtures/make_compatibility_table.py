#!/usr/bin/env python3
"""Writes Sources/NeedletailTokenizer/Normalizers/CompatibilityTable+Data.swift from Python's unicodedata.

usage: make_compatibility_table.py OUTPUT
"""
import sys
import unicodedata

mapping = {}
for code in range(0x110000):
    if unicodedata.decomposition(chr(code)).startswith("<"):
        mapping[code] = [ord(c) for c in unicodedata.normalize("NFKD", chr(code))]

runs = []  # [first, count, targets]: single targets that run in step share an entry
for code in sorted(mapping):
    targets = mapping[code]
    if runs and len(targets) == len(runs[-1][2]) == 1 and code == runs[-1][0] + runs[-1][1] \
            and targets[0] == runs[-1][2][0] + runs[-1][1]:
        runs[-1][1] += 1
    else:
        runs.append([code, 1, targets])

words = []
for first, count, targets in runs:
    words.append("%x%s:%s" % (first, "+%x" % count if count > 1 else "", ",".join("%x" % t for t in targets)))
lines, line = [], ""
for word in words:
    if len(line) + len(word) + 1 > 112:
        lines.append(line)
        line = ""
    line += (" " if line else "") + word
lines.append(line)
with open(sys.argv[1], "w") as out:
    out.write("extension CompatibilityTable {\n")
    out.write("  /// `first+count:target,...` in hexadecimal, of Unicode %s. Made by make_compatibility_table.py.\n"
              % unicodedata.unidata_version)
    out.write("  static let data: StaticString = \"\"\"\n")
    for line in lines:
        out.write("    " + line + "\n")
    out.write("    \"\"\"\n}\n")
