/** PGlite with its own API: the cost of an embedded PostgreSQL without syncpg. */

export async function open() {
  const { PGlite } = await import('@electric-sql/pglite')
  const database = await PGlite.create()
  return {
    isBlocking: false,
    one: async (sql) => (await database.query(sql)).rows[0],
    close: () => database.close(),
  }
}
