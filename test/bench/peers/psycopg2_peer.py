"""psycopg2: libpq by a C extension, the blocking client most scripts in Python have."""

import io
import re

import psycopg2
import psycopg2.extras
from python_host import serve


class Client:
    def __init__(self, target):
        self.connection = psycopg2.connect(
            host=target["host"],
            port=target["port"],
            user=target["user"],
            password=target["password"],
            dbname=target["database"],
            sslmode=target["sslmode"],
            sslrootcert=target["sslrootcert"] or None,
        )
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    @staticmethod
    def version():
        return f"psycopg2 {psycopg2.__version__.split()[0]}"

    def repeat_one(self, sql, count):
        # It has no prepared statements of its own, so this is the simple protocol, as its users get it.
        cursor, total = self.cursor, 0
        for _ in range(count):
            cursor.execute(sql)
            total += cursor.fetchone()[0]
        return total

    def rows(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchall()

    def command(self, sql):
        self.cursor.execute(sql)

    def stream(self, sql, size, take):
        # A named cursor needs a transaction.
        self.connection.autocommit = False
        with self.connection, self.connection.cursor("bench") as cursor:
            cursor.itersize = size
            cursor.execute(sql)
            for row in cursor:
                take(row)
        self.connection.autocommit = True

    def insert_many(self, sql, records):
        markers = sql[sql.index("values") :]
        self.cursor.execute("begin")
        psycopg2.extras.execute_values(self.cursor, sql.replace(markers, "values %s"), records)
        self.cursor.execute("commit")

    def in_transaction(self, sql, records):
        self.cursor.execute("begin")
        for record in records:
            self.cursor.execute(re.sub(r"\$\d+", "%s", sql), record)
        self.cursor.execute("commit")

    def copy_records(self, table, columns, records):
        text = io.StringIO("".join("\t".join(map(str, record)) + "\n" for record in records))
        self.cursor.copy_expert(f"copy {table} ({', '.join(columns)}) from stdin", text)

    def close(self):
        self.connection.close()


serve(Client)
