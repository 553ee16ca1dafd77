#!/usr/bin/env python3
"""Compares the table with the original files, line by line. Shares no code with the chain.

Reads a manifest (one JSON object a line) and asks ClickHouse over its HTTP interface:

    {"cluster": "a", "path": "/logs/x.gz", "original": "/tmp/x.log", "damage": null}

`original` is the plain UTF-8 text as it was before it was transcoded and compressed, relative to the manifest's folder
(a name that ends in `.gz` is read through Python's own gzip). Every (path, line) must stand in the table exactly once
with equal text; the parts of a long line are joined by `part`, which must count from 0; a row of several `lines` is taken
apart again at the LFs in its text, and must hold as many lines as it says. Of a file with `damage` set,
what stands there must be a prefix of the original: whole lines, and at most one last line that was cut short.

A line is what stands between two LFs; one CR before the LF is dropped, a byte order mark at the start is dropped, an
empty line counts, and so does a last line without LF.

Exit code: 0 when all is equal, 1 when something differs, 2 when it could not be compared.
"""

import argparse
import gzip
import http.client
import json
import os
import re
import sys
import urllib.parse
from dataclasses import dataclass, field

BLOCK = 1 << 20
SHOWN = 20
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f"}


@dataclass
class Result:
    """What the comparison of one or all files found."""

    files: int = 0
    lines: int = 0
    missing: int = 0
    doubled: int = 0
    different: int = 0
    cut: int = 0  # lines of damaged files that are rightly absent
    notes: list = field(default_factory=list)

    def note(self, text):
        if len(self.notes) < SHOWN:
            self.notes.append(text)

    def add(self, other):
        for name in ("files", "lines", "missing", "doubled", "different", "cut"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for text in other.notes:
            self.note(text)

    @property
    def failed(self):
        return bool(self.missing or self.doubled or self.different)


class Table:
    """The table, asked over HTTP: one connection, one query at a time."""

    def __init__(self, url, user, password, database, name):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port or 8123, timeout=600)
        self.headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password, "X-ClickHouse-Database": database}
        self.name = name

    def ask(self, sql, **parameters):
        """Yields blocks of bytes of the answer. The server is told to finish before it answers, so an error is one."""
        # A parameter's value is read as a field of the format TSV: escaped so.
        escape = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
        asked = {"param_" + k: v.translate(escape) for k, v in parameters.items()}
        query = urllib.parse.urlencode({"wait_end_of_query": "1", **asked})
        self.connection.request("POST", "/?" + query, sql.encode(), self.headers)
        answer = self.connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"ClickHouse answered {answer.status}: {answer.read(2000).decode(errors='replace')}")
        while block := answer.read(BLOCK):
            yield block

    def paths(self):
        """(cluster, path) to count of rows, for all that is in the table."""
        sql = f"SELECT cluster, path, count() FROM {self.name} GROUP BY cluster, path FORMAT JSONCompactEachRow"
        lines = b"".join(self.ask(sql)).splitlines()
        return {(row[0], row[1]): int(row[2]) for row in map(json.loads, lines)}

    def rows(self, cluster, path):
        """Yields (line, part, lines, text) of one file, ordered."""
        sql = (
            f"SELECT line, part, lines, text FROM {self.name} WHERE cluster = {{cluster:String}} AND path = {{path:String}}"
            " ORDER BY line, part FORMAT TSV"
        )
        rest = b""
        for block in self.ask(sql, cluster=cluster, path=path):
            whole = (rest + block).split(b"\n")
            rest = whole.pop()
            for row in whole:
                line, part, lines, text = row.split(b"\t", 3)
                yield int(line), int(part), int(lines), unescaped(text)
        if rest:
            raise RuntimeError(f"the answer for {cluster}:{path} ends within a row")


def unescaped(text):
    """A field of the format TSV as it was."""
    if b"\\" not in text:
        return text
    return ESCAPED.sub(lambda found: ESCAPES.get(found[1], found[1]), text)


def original_lines(name):
    """Yields the lines of an original file."""
    opened = gzip.open(name, "rb") if name.endswith(".gz") else open(name, "rb")
    with opened as file:
        first = True
        for line in file:
            if first:
                line, first = line.removeprefix(b"\xef\xbb\xbf"), False
                if not line:
                    continue  # nothing but the mark
            if line.endswith(b"\n"):
                line = line[:-1].removesuffix(b"\r")
            yield line


def apart(rows, result, where):
    """Takes rows of several lines apart. Yields (line, part, text); counts those that hold other lines than they say."""
    for line, part, lines, text in rows:
        pieces = text.split(b"\n")
        if len(pieces) != lines:
            result.different += 1
            result.note(f"different: {where} line {line} says it holds {lines} lines, and holds {len(pieces)}")
        for i, piece in enumerate(pieces):
            yield line + i, part if i == 0 else 0, piece


def joined(rows, result, where):
    """Joins the parts of each line. Yields (line, text); counts what stands there twice or without its first part."""
    number, text, expected = None, b"", 0
    for line, part, piece in rows:
        if line != number:
            if number is not None:
                yield number, text
            number, text, expected = line, b"", 0
        if part < expected:
            result.doubled += 1
            result.note(f"doubled: {where} line {line} part {part}")
        elif part > expected:
            result.missing += 1
            result.note(f"missing: {where} line {line} part {expected}")
            text, expected = text + piece, part + 1
        else:
            text, expected = text + piece, part + 1
    if number is not None:
        yield number, text


def compare(originals, rows, damaged, where):
    """Compares the lines of one original with the rows of its file."""
    result = Result(files=1)
    have = joined(apart(rows, result, where), result, where)
    got = next(have, None)
    number = 0
    cut = False
    for number, want in enumerate(originals, 1):
        if got is None and damaged:
            result.cut += 1
        elif got is None or got[0] != number:
            result.missing += 1
            result.note(f"missing: {where} line {number}")
        else:
            following = next(have, None)
            if got[1] != want:
                # Where a damaged file ends, its last line may end within a line, and within a character.
                stump = got[1].removesuffix("\ufffd".encode())
                if damaged and following is None and not cut and want.startswith(stump):
                    cut = True
                else:
                    result.different += 1
                    result.note(f"different: {where} line {number}: {want[:80]!r} is {got[1][:80]!r}")
            result.lines += 1
            got = following
    while got is not None:
        result.different += 1
        result.note(f"different: {where} has a line {got[0]}, the original has {number}")
        got = next(have, None)
    return result


def run(manifest, table, others):
    """Compares all files of the manifest; `others`: the table may hold files that the manifest does not name."""
    total = Result()
    seen = table.paths()
    for entry in manifest:
        cluster, path = entry["cluster"], entry["path"]
        seen.pop((cluster, path), None)
        where = f"{cluster}:{path}"
        total.add(compare(original_lines(entry["original"]), table.rows(cluster, path), bool(entry.get("damage")), where))
    if not others:
        for (cluster, path), rows in seen.items():
            total.different += rows
            total.note(f"different: {cluster}:{path} is in the table with {rows} rows, not in the manifest")
    return total


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", help="file of JSON objects, one a line; originals are relative to its folder")
    parser.add_argument("--url", required=True, help="ClickHouse's HTTP address, http://HOST:PORT")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    parser.add_argument("--database", default="logmill")
    parser.add_argument("--table", default="rows")
    parser.add_argument("--others", action="store_true", help="files that the manifest does not name are no difference")
    options = parser.parse_args()
    try:
        with open(options.manifest, encoding="utf-8") as file:
            manifest = [json.loads(line) for line in file if line.strip()]
        beside = os.path.dirname(options.manifest)
        for entry in manifest:
            entry["original"] = os.path.join(beside, entry["original"])
        table = Table(options.url, options.user, options.password, options.database, options.table)
        total = run(manifest, table, options.others)
    except (OSError, RuntimeError, ValueError, KeyError, http.client.HTTPException) as error:
        print(f"cannot compare: {error}", file=sys.stderr)
        return 2
    for text in total.notes:
        print("  " + text)
    print(
        f"compared {total.files} files, {total.lines} lines: {total.missing} missing, {total.doubled} doubled,"
        f" {total.different} different ({total.cut} lines lost to damage, as expected)"
    )
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
