"""Runs a Python client as a peer: a JSON request per line on standard input, a JSON answer per line on standard output.

The Python side of `support/peer-process.mjs`. What to do comes as a task: plain data that the workload's file writes, so
that SQL and sizes stand in one place. The same rounds, the same checks.
"""

import gc
import json
import resource
import sys
import time
import traceback


def make_records(task):
    if "row" in task:
        return [tuple(task["row"])] * task["count"]
    return [(i, f"record number {i}", i * 0.25) for i in range(task["records"])]


def whole(value):
    """JSON of whole numbers as JavaScript writes it."""
    return int(value) if float(value).is_integer() else value


def weigh(value):
    """A number for a value, as `weigh` in workloads/magicstack.mjs has it."""
    if isinstance(value, (str, bytes)):
        return len(value)
    return sum(value) if isinstance(value, list) else value


class RowTally:
    """Counts rows that are not kept."""

    def __init__(self):
        self.rows = self.total = 0

    def take(self, row):
        self.rows += 1
        self.total += row[0]


def measure(clients, task, records):
    client, kind = clients[0], task["kind"]
    if kind == "one":
        return client.repeat_one(task["sql"], task["queries"])
    if kind == "rows":
        for _ in range(task["repeats"]):
            rows = client.rows(task["sql"])
        return rows
    if kind == "stream":
        tally = RowTally()
        client.stream(task["sql"], task["batch"], tally.take)
        return tally
    if kind == "insert":
        return client.insert_many(task["sql"], records)
    if kind == "transactions":
        size = task["size"]
        for start in range(0, len(records), size):
            client.in_transaction(task["sql"], records[start : start + size])
        return None
    if kind == "copy":
        return client.copy_records(task["table"], task["columns"], records)
    return client.at_once(clients, task, records)


def check(client, task, outcome):
    kind = task["check"]
    if kind == "one":
        return {"mean": whole(outcome / task["queries"])}
    if kind == "stream":
        return {"rows": outcome.rows, "sum": outcome.total}
    if kind == "five":
        return sums_of_five(outcome)
    if kind == "wide":
        return sums_of_wide(outcome)
    if kind == "weights":
        return [{"rows": len(rows), "weight": whole(sum(weigh(row[0]) for row in rows))} for rows in outcome]
    row = client.rows(task["countSql"])[0]
    return dict(zip(task["countNames"], map(whole, row)))


def sums_of_five(rows):
    sums = {"rows": len(rows), "a": 0, "b": 0, "c": 0, "d": 0, "e": 0}
    for a, b, c, d, e in rows:
        sums["a"] += a
        sums["b"] += b
        sums["c"] += c
        sums["d"] += len(d)
        seconds = int(e.replace(microsecond=0).timestamp())
        sums["e"] += (seconds * 1000 + e.microsecond // 1000) % 1_000_000
    return {name: whole(value) for name, value in sums.items()}


def sums_of_wide(rows):
    sums = {"rows": len(rows)}
    for i in range(len(rows[0])):
        sums[f"c{i}"] = whole(sum(len(row[i]) if isinstance(row[i], str) else row[i] for row in rows))
    return sums


def kinds_of(task, outcome):
    return [type(value).__name__ for value in outcome[0]] if task["kind"] == "rows" else None


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000


def peak_rss_mb():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


class Host:
    def __init__(self, open_client):
        self.open_client = open_client
        self.clients = []

    def open(self, message):
        self.task, self.records = message["task"], None
        if self.task is None:
            return {"lacks": ["part in it"]}
        lacks = [method for method in self.task["needs"] if not hasattr(self.open_client, method)]
        if lacks:
            return {"lacks": lacks}
        self.clients = [self.open_client(message["target"]) for _ in range(self.task.get("connections", 1))]
        if "records" in self.task or "row" in self.task:
            self.records = make_records(self.task)
        return {"lacks": [], "version": self.open_client.version()}

    def round(self, message):
        task, client = self.task, self.clients[0]
        if "before" in task:
            client.command(task["before"])
        gc.collect()
        cpu, started = cpu_ms(), time.perf_counter()
        outcome = measure(self.clients, task, self.records)
        elapsed, cpu = (time.perf_counter() - started) * 1000, cpu_ms() - cpu
        reply = {"elapsedMs": elapsed, "cpuMs": cpu, "checked": None, "kinds": None}
        if message["isChecked"]:
            reply["checked"], reply["kinds"] = check(client, task, outcome), kinds_of(task, outcome)
        return reply

    def one(self, message):
        return self.clients[0].named_row(message["sql"])

    def close(self, _message):
        for client in self.clients:
            client.close()
        return {"peakRssMb": peak_rss_mb()}


def serve(open_client):
    """Answers requests until it is told to close. `open_client(target)` gives a client."""
    host = Host(open_client)
    for line in sys.stdin:
        message = json.loads(line)
        try:
            print(json.dumps({"reply": getattr(host, message["name"])(message)}), flush=True)
        except Exception:
            print(json.dumps({"failure": traceback.format_exc()}), flush=True)
        if message["name"] == "close":
            return
