"""psycopg 3: libpq, with its C speed-ups where they are installed; without them it says `python` in its version."""

import re

import psycopg
from psycopg import pq
from psycopg.rows import dict_row
from python_host import serve


class Client:
    def __init__(self, target):
        self.connection = psycopg.connect(
            host=target["host"],
            port=target["port"],
            user=target["user"],
            password=target["password"],
            dbname=target["database"],
            sslmode=target["sslmode"],
            sslrootcert=target["sslrootcert"] or None,
            autocommit=True,
        )
        self.cursor = self.connection.cursor()

    @staticmethod
    def version():
        return f"psycopg {psycopg.__version__} ({pq.__impl__})"

    def repeat_one(self, sql, count):
        # It prepares by itself what has run five times.
        cursor, total = self.cursor, 0
        for _ in range(count):
            cursor.execute(sql)
            total += cursor.fetchone()[0]
        return total

    def named_row(self, sql):
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(sql).fetchone()

    def rows(self, sql):
        return self.cursor.execute(sql).fetchall()

    def command(self, sql):
        self.cursor.execute(sql)

    def stream(self, sql, size, take):
        # A named cursor needs a transaction.
        with self.connection.transaction(), self.connection.cursor("bench") as cursor:
            cursor.itersize = size
            for row in cursor.execute(sql):
                take(row)

    def insert_many(self, sql, records):
        with self.connection.transaction():
            self.cursor.executemany(re.sub(r"\$\d+", "%s", sql), records)

    def in_transaction(self, sql, records):
        with self.connection.transaction():
            for record in records:
                self.cursor.execute(re.sub(r"\$\d+", "%s", sql), record)

    def copy_records(self, table, columns, records):
        with self.cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin") as copy:
            for record in records:
                copy.write_row(record)

    def close(self):
        self.connection.close()


serve(Client)
