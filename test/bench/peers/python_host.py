"""Runs a Python client as a peer: a JSON request per line on standard input, a JSON answer per line on standard output.

The Python side of `support/peer-process.mjs` and of the workloads; the same rounds, the same checks.
"""

import gc
import json
import resource
import sys
import time
import traceback

INSERT = "insert into bench_insert (id, label, amount) values {}"
WIDE_KINDS = ("int4", "text", "float8", "boolean")


def make_records(count):
    return [(i, f"record number {i}", i * 0.25) for i in range(count)]


def whole(value):
    """JSON of whole numbers as JavaScript writes it."""
    return int(value) if float(value).is_integer() else value


def measure(client, workload, size, records):
    if workload.startswith("select-one"):
        return {"sum": client.repeat_one("select 1 as one", size["queries"])}
    if workload.startswith("million-rows"):
        kind = workload.rsplit("-", 1)[1]
        return client.rows(f"select a, b, c, d, e from bench_rows_{kind}")
    if workload == "wide-rows":
        for _ in range(size["repeats"]):
            rows = client.rows("select * from bench_wide")
        return rows
    if workload == "insert-many":
        return client.insert_many(INSERT, records)
    return client.copy_records("bench_copy", ("id", "label", "amount"), records)


def check(client, workload, outcome):
    if workload.startswith("select-one"):
        return outcome
    if workload.startswith("million-rows"):
        sums = {"rows": len(outcome), "a": 0, "b": 0, "c": 0, "d": 0, "e": 0}
        for a, b, c, d, e in outcome:
            sums["a"] += a
            sums["b"] += b
            sums["c"] += c
            sums["d"] += len(d)
            seconds = int(e.replace(microsecond=0).timestamp())
            sums["e"] += (seconds * 1000 + e.microsecond // 1000) % 1_000_000
        return {name: whole(value) for name, value in sums.items()}
    if workload == "wide-rows":
        sums = {"rows": len(outcome)}
        for i in range(20):
            kind = WIDE_KINDS[i % 4]
            values = (len(row[i]) if kind == "text" else row[i] for row in outcome)
            sums[f"c{i}"] = whole(sum(values))
        return sums
    table = "bench_insert" if workload == "insert-many" else "bench_copy"
    sql = f"select count(*)::int4, sum(id)::float8, sum(length(label))::float8, sum(amount) from {table}"
    row = client.rows(sql)[0]
    return dict(zip(("records", "ids", "letters", "amounts"), map(whole, row)))


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000


def serve(open_client):
    """Answers requests until it is told to close. `open_client(target)` gives the client."""
    client = workload = size = records = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if message["name"] == "open":
                workload, size = message["workload"], message["size"]
                records = make_records(size["records"]) if "records" in size else None
                client = open_client(message["target"])
                reply = {"lacks": []}
            elif message["name"] == "round":
                if records is not None:
                    client.command(f"truncate {'bench_insert' if workload == 'insert-many' else 'bench_copy'}")
                gc.collect()
                cpu, started = cpu_ms(), time.perf_counter()
                outcome = measure(client, workload, size, records)
                elapsed, cpu = (time.perf_counter() - started) * 1000, cpu_ms() - cpu
                checked = check(client, workload, outcome) if message["isChecked"] else None
                outcome = None
                reply = {"elapsedMs": elapsed, "cpuMs": cpu, "checked": checked}
            else:
                client.close()
                reply = {"peakRssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
            print(json.dumps({"reply": reply}), flush=True)
        except Exception:
            print(json.dumps({"failure": traceback.format_exc()}), flush=True)
        if message["name"] == "close":
            return
