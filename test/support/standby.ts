/**
 * A primary with a hot standby that streams from it, for tests of the choice of hosts and of the effect of a promotion
 * on clients. It is made without pg_basebackup, which the package of the test servers lacks: the primary is stopped
 * while its data is copied.
 */
import { startServer } from './postgres-server.ts'
import type { TestServer } from './postgres-server.ts'
import { askServer } from './shared-server.ts'

/** Two servers, the second one a copy of the first that follows it. */
export interface ReplicatedServers {
  readonly primary: TestServer
  readonly standby: TestServer
  /** A DSN with both hosts, the standby's first. */
  readonly dsn: string
  /** Makes the standby a primary; resolves when it takes writes. */
  promote(): Promise<void>
  dispose(): Promise<void>
}

/** Starts both servers and resolves when the standby has all of the primary's data. */
export async function startReplicatedServers(): Promise<ReplicatedServers> {
  const settings = { wal_level: 'replica', max_wal_senders: '4', hot_standby: 'on' }
  const hba = 'host replication all 127.0.0.1/32 trust\n'
  const primary = await startServer({ settings, hba })
  let standby: TestServer | undefined
  try {
    const [row] = await askServer<{ data: string }>(primary, "select current_setting('data_directory') as data")
    if (!row) throw new Error('the primary does not know its data directory')
    await primary.stop()
    const source = `host=${primary.host} port=${primary.port} user=${primary.user}`
    // The primary is down while the standby starts, so the standby must try again soon.
    const following = { ...settings, primary_conninfo: source, wal_retrieve_retry_interval: '50ms' }
    standby = await startServer({ hba, settings: following, standbyFrom: row.data })
    await primary.start()
    await caughtUp(primary, standby)
    return pairOf(primary, standby)
  } catch (error) {
    await Promise.all([primary.dispose(), standby?.dispose()])
    throw error
  }
}

function pairOf(primary: TestServer, standby: TestServer): ReplicatedServers {
  const { user, password, database } = primary
  const hosts = [standby, primary].map(({ host, port }) => `${host}:${port}`).join(',')
  return {
    primary,
    standby,
    dsn: `postgresql://${user}:${password}@${hosts}/${database}`,
    async promote() {
      await askServer(standby, 'select pg_promote(true, 30)')
    },
    async dispose() {
      await Promise.all([primary.dispose(), standby.dispose()])
    },
  }
}

// A standby learns its position from the data that it gets. An idle primary would send nothing for fifteen seconds.
async function caughtUp(primary: TestServer, standby: TestServer): Promise<void> {
  const [goal] = await askServer<{ lsn: string }>(primary, 'select pg_log_standby_snapshot()::text as lsn')
  const deadlineMs = Date.now() + 30_000
  const sql = 'select coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false) as has'
  for (;;) {
    const [row] = await askServer<{ has: boolean }>(standby, sql, [goal?.lsn])
    if (row?.has === true) return
    if (Date.now() > deadlineMs) throw new Error(`the standby does not follow; its log ends:\n${standby.logTail()}`)
  }
}
