#!/usr/bin/env python3
"""What the table `rows` costs and answers under other schemas: bytes a line, CPU of an INSERT, and the ten commonest questions.

Usage: table.py STATE_FILE [ROWS]     the state file of `logmill-stack up`; `make bench-table` does both

Every variant is the table of the migrations with one thing changed, filled with the same generated rows in the same INSERTs. CPU
is that of the server for the query, from its query log: of several runs the least.
"""

import json, pathlib, re, sys, time, urllib.error, urllib.parse, urllib.request, uuid

HERE = pathlib.Path(__file__).parent
DATABASE = "bench_table"
LINES, FILES = 100_000, 5  # of a generated file; of an INSERT
COLUMNS = "file_id,load,line,part,cluster,path,app,channel,level,file_time,time,text,fields"
RUNS = 3
# Sizes of merges that are compared, INSERTs of each table for it, and seconds from one to the next.
MERGED, PIECES, PAUSE = (5, 10, 20), 200, 0.1

state = json.load(open(sys.argv[1]))
place = state["clickhouse"]
ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000


def ask(sql, database=DATABASE, query_id=None, **settings):
    login = {"user": place["admin"]["user"], "password": place["admin"]["password"], "database": database}
    query = urllib.parse.urlencode({**login, **settings, **({"query_id": query_id} if query_id else {})})
    request = urllib.request.Request(f"{place['url']}/?{query}", data=sql.encode())
    try:
        return urllib.request.urlopen(request, timeout=900).read().decode()
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.read().decode()[:600]}\n{sql[:600]}")


def measured(sql, **settings):
    """CPU-ms, ms, and rows read of the fastest of several runs."""
    ids = [uuid.uuid4().hex for _ in range(RUNS)]
    for query_id in ids:
        ask(sql, query_id=query_id, **settings)
    return logged(ids)


def logged(ids):
    ask("SYSTEM FLUSH LOGS query_log", "system")
    names = ",".join(f"'{i}'" for i in ids)
    line = ask(
        "SELECT min(ProfileEvents['OSCPUVirtualTimeMicroseconds']) / 1000, min(query_duration_ms), any(read_rows), "
        f"sum(ProfileEvents['OSCPUVirtualTimeMicroseconds']) / 1000 FROM query_log "
        f"WHERE query_id IN ({names}) AND type = 'QueryFinish' FORMAT TSV",
        "system",
    )
    return [float(x) for x in line.split("\t")]


def base():
    """The table as the migrations make it."""
    folder = HERE / "../../schemas/clickhouse"
    return [
        statement
        for file in sorted(folder.glob("0*.sql"))
        for statement in re.split(r";\n", file.read_text())
        if re.search(r"(CREATE TABLE IF NOT EXISTS|ALTER TABLE) rows\b", statement)
    ]


def codecs(line="Default", time="Default", text="Default", fields="Default"):
    return (f"ALTER TABLE rows MODIFY COLUMN line UInt64 CODEC({line}), MODIFY COLUMN time Nullable(DateTime64(3, 'UTC')) CODEC({time}), "
            f"MODIFY COLUMN text String CODEC({text}), MODIFY COLUMN fields Map(LowCardinality(String), String) CODEC({fields})")


# name: what is changed in the table of the migrations
VARIANTS = {
    "as the migrations make it": [],
    "without codecs (LZ4)": [codecs()],
    "line, time: Delta, LZ4": [codecs(line="Delta, LZ4", time="Delta, LZ4")],
    "line, time: Delta, ZSTD(1)": [codecs(line="Delta, ZSTD(1)", time="Delta, ZSTD(1)")],
    "line, time: DoubleDelta, ZSTD(1)": [codecs(line="DoubleDelta, ZSTD(1)", time="DoubleDelta, ZSTD(1)")],
    "text, fields: ZSTD(1)": [codecs(text="ZSTD(1)", fields="ZSTD(1)")],
    "text, fields: ZSTD(3)": [codecs(text="ZSTD(3)", fields="ZSTD(3)")],
    "without the projection days": ["ALTER TABLE rows DROP PROJECTION days"],
    "without the bloom filter of words": ["ALTER TABLE rows DROP INDEX words"],
    "text index, splitByNonAlpha": ["ALTER TABLE rows DROP INDEX words", "ALTER TABLE rows ADD INDEX words text TYPE text(tokenizer = 'splitByNonAlpha')"],
    "text index, asciiCJK": ["ALTER TABLE rows DROP INDEX words", "ALTER TABLE rows ADD INDEX words text TYPE text(tokenizer = 'asciiCJK')"],
    "projection by app and time": ["ALTER TABLE rows ADD PROJECTION by_time (SELECT app, time, _part_offset ORDER BY app, time)"],
    "sorted by app, file": ["ORDER BY (app, file_id, load, line, part)"],
}

DAY = "file_time >= '2026-11-01' AND file_time < '2026-11-02'"
QUESTIONS = {
    "lines an hour of an app": f"SELECT toStartOfHour(time), count() FROM rows WHERE app = 'shop' AND {DAY} GROUP BY 1 ORDER BY 1",
    "lines by app and level": f"SELECT app, level, count() FROM rows WHERE {DAY} GROUP BY 1, 2",
    "newest 100 errors of an app": f"SELECT time, text FROM rows WHERE app = 'shop' AND level = 'ERROR' AND {DAY} ORDER BY time DESC LIMIT 100",
    "ten minutes of an app": f"SELECT count(), sum(length(text)) FROM rows WHERE app = 'shop' AND time >= '2026-11-01 12:00:00' AND time < '2026-11-01 12:10:00' AND {DAY}",
    "a rare word": "SELECT count() FROM rows WHERE hasToken(text, 's12345')",
    "a common word": f"SELECT count() FROM rows WHERE hasToken(text, 'popup') AND {DAY}",
    "a part of a word": f"SELECT count() FROM rows WHERE text LIKE '%u2410%' AND {DAY}",
    "a Chinese word": "SELECT count() FROM rows WHERE text LIKE '%世界杯%'",
    "a field's value": "SELECT count() FROM rows WHERE fields['user'] = 'u24104'",
    "most frequent values of a field": f"SELECT fields['process'] AS p, count() FROM rows WHERE app = 'shop' AND {DAY} GROUP BY p ORDER BY 2 DESC LIMIT 10",
    "lines around a line": "SELECT text FROM rows WHERE file_id = (SELECT file_id FROM rows WHERE app = 'shop' LIMIT 1) AND line BETWEEN 5000 AND 5100",
    "a file by its path": "SELECT count(), sum(length(text)) FROM rows WHERE path = '/logs/app/0/part-000004.log.gz'",
}
ASKED = ["lines by app and level", "ten minutes of an app", "a rare word", "lines around a line"]


def insert_all(columns):
    """Puts the rows into the table, five files an INSERT. CPU-ns a line."""
    ids = []
    for first in range(0, ROWS // LINES, FILES):
        ids.append(uuid.uuid4().hex)
        files = f"SELECT path FROM bench_source.made GROUP BY path ORDER BY path LIMIT {FILES} OFFSET {first}"
        ask(f"INSERT INTO rows ({columns}) SELECT {columns} FROM bench_source.made WHERE path IN ({files})", query_id=ids[-1],
            max_insert_threads=1, max_threads=1, async_insert=0, min_insert_block_size_rows=10**8, max_insert_block_size=10**8,
            min_insert_block_size_bytes=0)
    return logged(ids)[3] * 1e6 / ROWS


def size():
    return int(ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND table = 'rows' AND active"))


def by_column():
    lines = ask("SELECT column, sum(column_data_compressed_bytes) FROM system.parts_columns WHERE database = currentDatabase() "
                "AND table = 'rows' AND active GROUP BY 1 FORMAT TSV").splitlines()
    return {column: int(size) for column, size in (line.split("\t") for line in lines)}


def fresh(database):
    ask(f"DROP DATABASE IF EXISTS {database} SYNC", "system")
    ask(f"CREATE DATABASE {database}", "system")


def source():
    """Rows in memory, so that an INSERT reads next to nothing."""
    fresh("bench_source")
    ask(base()[0], "bench_source")
    ask(f"CREATE TABLE made ENGINE = Memory AS SELECT {COLUMNS} FROM rows LIMIT 0", "bench_source")
    made = re.sub(r"^--.*\n", "", (HERE / "../src/generated_rows.sql").read_text(), flags=re.M).replace("INTO rows", "INTO made")
    ask(made.replace("{from}", "0").replace("{count}", str(ROWS)), "bench_source")


def variant(changes):
    statements = base()
    for change in changes:
        if change.startswith("ORDER BY"):
            statements[0] = re.sub(r"ORDER BY \(.*\)", change, statements[0])
        else:
            statements.append(change)
    fresh(DATABASE)
    for statement in statements:
        ask(statement, mutations_sync=1)


def merges(at_once):
    """Puts the rows in by many small INSERTs while the server merges as it likes, `at_once` parts of one size. How often a row was
    rewritten, CPU-ns of merges a line, and the parts that are left."""
    variant([f"ALTER TABLE rows MODIFY SETTING merge_selector_base = {at_once}"])
    begun, lines = time.time(), ROWS // PIECES
    for piece in range(PIECES):
        ask(f"INSERT INTO rows ({COLUMNS}) SELECT {COLUMNS} FROM bench_source.pieces WHERE n >= {piece * lines} AND n < {(piece + 1) * lines}",
            max_insert_threads=1, async_insert=0, exclude_materialize_skip_indexes_on_insert="words")
        time.sleep(max(0.0, begun + (piece + 1) * PAUSE - time.time()))
    quiet = 0
    while quiet < 6:
        time.sleep(0.5)
        quiet = quiet + 1 if int(ask("SELECT count() FROM system.merges WHERE database = currentDatabase()")) == 0 else 0
    ask("SYSTEM FLUSH LOGS", "system")
    line = ask("SELECT sum(rows), sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) FROM system.part_log "
               "WHERE database = currentDatabase() AND table_uuid = (SELECT uuid FROM system.tables WHERE database = currentDatabase() AND "
               "name = 'rows') AND event_type = 'MergeParts' FORMAT TSV")
    rewritten, cpu = (int(x) for x in line.split("\t"))
    left = int(ask("SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'rows' AND active"))
    return rewritten / ROWS, cpu * 1e3 / ROWS, left


def main():
    source()
    text = float(ask("SELECT avg(length(text)) FROM made", "bench_source"))
    print(f"{ROWS} generated rows of {text:.1f} bytes of text; bytes a line once merged; CPU-ns a line of an INSERT of {FILES * LINES}")
    print(f"{'':34} {'all':>7} {'text':>7} {'fields':>7} {'time':>7} {'line':>7} {'rest':>7} {'INSERT':>7}")
    answers = {}
    for name, changes in VARIANTS.items():
        variant(changes)
        cpu = insert_all(COLUMNS)
        ask("OPTIMIZE TABLE rows FINAL", mutations_sync=1)
        whole, columns = size() / ROWS, by_column()
        named = [columns.get(column, 0) / ROWS for column in ("text", "fields", "time", "line")]
        print(f"{name:34} {whole:7.2f} " + " ".join(f"{x:7.2f}" for x in named) + f" {whole - sum(named):7.2f} {cpu:7.0f}", flush=True)
        answers[name] = {question: measured(sql, max_threads=1) for question, sql in QUESTIONS.items()}
    print("\nCPU-ms (thousands of rows read) of each question, of the variants in that order")
    for question in QUESTIONS:
        cells = [f"{answer[question][0]:6.1f} ({answer[question][2] / 1000:4.0f})" for answer in answers.values()]
        print(f"{question:32} " + " ".join(cells), flush=True)
    print(f"\n{PIECES} INSERTs while the server merges so many parts of one size at once; the questions with the parts that are left, CPU-ms")
    ask("CREATE TABLE pieces ENGINE = MergeTree ORDER BY n AS SELECT row_number() OVER (ORDER BY path, line) - 1 AS n, * FROM made", "bench_source")
    for at_once in MERGED:
        rewritten, cpu, left = merges(at_once)
        asked = ", ".join(f"{question} {measured(QUESTIONS[question], max_threads=1)[0]:.1f}" for question in ASKED)
        print(f"{at_once:3}: a row is rewritten {rewritten:4.2f} times, {cpu:5.0f} CPU-ns a line; {left} parts are left; {asked}", flush=True)
    for database in (DATABASE, "bench_source"):
        ask(f"DROP DATABASE {database} SYNC", "system")


main()
