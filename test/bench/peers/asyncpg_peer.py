"""asyncpg: the client whose shape syncpg/async has, with the binary protocol and codecs in Cython."""

import asyncio

import asyncpg
from python_host import serve


class Client:
    def __init__(self, target):
        self.loop = asyncio.new_event_loop()
        self.connection = self.run(
            asyncpg.connect(
                host=target["host"],
                port=target["port"],
                user=target["user"],
                password=target["password"],
                database=target["database"],
                ssl=False,
            )
        )

    def run(self, work):
        return self.loop.run_until_complete(work)

    def repeat_one(self, sql, count):
        async def repeat():
            total = 0
            for _ in range(count):
                total += (await self.connection.fetchrow(sql))[0]
            return total

        return self.run(repeat())

    def rows(self, sql):
        return self.run(self.connection.fetch(sql))

    def command(self, sql):
        self.run(self.connection.execute(sql))

    def insert_many(self, sql, records):
        self.run(self.connection.executemany(sql.format("($1, $2, $3)"), records))

    def copy_records(self, table, columns, records):
        self.run(self.connection.copy_records_to_table(table, columns=columns, records=records))

    def close(self):
        self.run(self.connection.close())


serve(Client)
