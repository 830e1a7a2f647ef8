"""asyncpg: the client whose shape syncpg/async has, with the binary protocol and codecs in Cython; on uvloop where it is
installed, as its makers measure it."""

import asyncio
import ssl

import asyncpg
from python_host import serve

try:
    import uvloop
except ImportError:
    uvloop = None

LOOP = asyncio.new_event_loop() if uvloop is None else uvloop.new_event_loop()


def run(work):
    return LOOP.run_until_complete(work)


class Client:
    def __init__(self, target):
        self.connection = run(
            asyncpg.connect(
                host=target["host"],
                port=target["port"],
                user=target["user"],
                password=target["password"],
                database=target["database"],
                ssl=ssl.create_default_context(cafile=target["sslrootcert"]) if target["ssl"] else False,
                loop=LOOP,
            )
        )

    @staticmethod
    def version():
        loop = "without uvloop" if uvloop is None else f"uvloop {uvloop.__version__}"
        return f"asyncpg {asyncpg.__version__}, {loop}"

    def repeat_one(self, sql, count):
        async def repeat():
            total = 0
            for _ in range(count):
                total += (await self.connection.fetchrow(sql))[0]
            return total

        return run(repeat())

    def named_row(self, sql):
        return dict(run(self.connection.fetchrow(sql)))

    def rows(self, sql):
        return run(self.connection.fetch(sql))

    def command(self, sql):
        run(self.connection.execute(sql))

    def stream(self, sql, size, take):
        async def iterate():
            async with self.connection.transaction():
                async for row in self.connection.cursor(sql, prefetch=size):
                    take(row)

        run(iterate())

    def insert_many(self, sql, records):
        run(self.connection.executemany(sql, records))

    def in_transaction(self, sql, records):
        async def one_by_one():
            async with self.connection.transaction():
                for record in records:
                    await self.connection.execute(sql, *record)

        run(one_by_one())

    def copy_records(self, table, columns, records):
        run(self.connection.copy_records_to_table(table, columns=columns, records=records))

    @staticmethod
    def at_once(clients, task, records):
        """Each connection does its part of the operations, all of them at the same time."""

        async def one_by_one(connection):
            rows = []
            for _ in range(task["each"]):
                if task["kind"] == "queries":
                    rows = await connection.fetch(task["sql"], *task["values"])
                elif task["kind"] == "batches":
                    await connection.executemany(task["sql"], records)
                else:
                    await connection.copy_records_to_table(task["table"], columns=task["columns"], records=records)
            return rows

        async def all_of_them():
            return await asyncio.gather(*(one_by_one(client.connection) for client in clients))

        return run(all_of_them())

    def close(self):
        run(self.connection.close())


serve(Client)
