"""Packs lines of the logs beside a manifest as archives hold them: a tar and a zip with an archive in it, a zip that was
cut short, and a bzip2 of five streams, the third of which is damaged. Python's own writers.

Writes `archives/NAME` and the text of each member into the manifest's folder, and prints an entry for the comparison a
member. Of what is cut, the comparison wants whole lines from the front; of the damaged bzip2, all lines of the other streams:
each is one block, which comes out whole or not at all.
"""

import bz2
import gzip
import io
import json
import os
import sys
import tarfile
import zipfile

FOLDER, AT = sys.argv[1], "/logs/archives"
PORTION = 90_000  # less than a block of bzip2 at its lowest level


def portions():
    """Whole lines from the beginning of one log after the other."""
    with open(os.path.join(FOLDER, "manifest.jsonl"), encoding="utf-8") as manifest:
        originals = [json.loads(line)["original"] for line in manifest]
    while True:
        for original in originals:
            with open(os.path.join(FOLDER, original), "rb") as file:
                text = file.read(PORTION)
            yield text[: text.rindex(b"\n") + 1]


def tell(cluster, path, text, damage=None):
    """Keeps a text, and prints its entry."""
    tell.number += 1
    original = f"archives/{tell.number}.log"
    with open(os.path.join(FOLDER, original), "wb") as file:
        file.write(text)
    lines = text.count(b"\n")
    print(json.dumps({"cluster": cluster, "path": f"{AT}/{path}", "original": original, "lines": lines, "damage": damage}))


tell.number = 0


def keep(name, packed):
    with open(os.path.join(FOLDER, "archives", name), "wb") as file:
        file.write(packed)


def tar(mode, members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
        return out, archive.infolist()


def main():
    os.makedirs(os.path.join(FOLDER, "archives"), exist_ok=True)
    text = portions()

    app, old = next(text), next(text)
    keep("day.tar.gz", tar("w:gz", [("app.log", app), ("old/app.log.1.gz", gzip.compress(old))]))
    tell("a", "day.tar.gz!/app.log", app)
    tell("a", "day.tar.gz!/old/app.log.1.gz", old)

    flat, deep = next(text), next(text)
    keep("bundle.zip", zipped([("a.log", flat), ("inner.tar", tar("w", [("deep.log", deep)]))])[0].getvalue())
    tell("b", "bundle.zip!/a.log", flat)
    tell("b", "bundle.zip!/inner.tar!/deep.log", deep)

    whole, cut = next(text), next(text)
    out, members = zipped([("whole.log", whole), ("cut.log", cut)])
    kept = members[1].header_offset + members[1].compress_size * 3 // 5
    keep("cut.zip", out.getvalue()[:kept])
    tell("a", "cut.zip!/whole.log", whole)
    tell("a", "cut.zip!/cut.log", cut, f"cut after {kept} bytes")

    texts = [next(text) for _ in range(5)]
    streams = [bytearray(bz2.compress(text, 1)) for text in texts]
    middle = len(streams[2]) // 2
    streams[2][middle : middle + 24] = bytes(24)
    keep("torn.log.bz2", b"".join(streams))
    tell("b", "torn.log.bz2", b"".join(texts[:2] + texts[3:]))


main()
