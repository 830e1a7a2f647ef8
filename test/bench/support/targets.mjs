/**
 * The targets of syncpg for each workload, and whether the figures reach them. A target is a ratio (the other
 * client's time divided by syncpg's), or a limit in megabytes or milliseconds.
 */
import { MAGICSTACK_CONNECTIONS, MAGICSTACK_NAMES } from '../workloads/magicstack.mjs'
import { GROWTH_LIMIT } from './growth.mjs'
import { geometricMean, spreadOf } from './statistics.mjs'

const BLOCKING = 'syncpg'
const ASYNC = 'syncpg/async'
const MAGICSTACK = 'MagicStack’s seven, 1 and 10 connections, geometric mean'

const BUILDERS = ['kysely', 'drizzle']
/** Each entry: workload, title, least ratio to the same builder over pg. */
const BUILDER_WORKLOADS = [
  ['builders-one-row', 'query builders, a row by its key', 1.2],
  ['builders-thousand-rows', 'query builders, 1,000 rows × 8', 2],
  ['builders-new-text', 'query builders, always a new text', 1],
  ['builders-transaction', 'query builders, a transaction of three', 1],
  ['builders-parallel', 'query builders, ten at once', 1.2],
]

/**
 * Targets with a far server: the number of waits decides, and no other client may wait less often. Each entry:
 * workload, title.
 */
const FAR = [1, 20].flatMap((ms) => [
  [`far-${ms}-first-query`, `${ms} ms away: first query of a process`],
  [`far-${ms}-new-text`, `${ms} ms away: a new text`],
  [`far-${ms}-transaction`, `${ms} ms away: a transaction of ten statements`],
  [`far-${ms}-insert-many`, `${ms} ms away: 1000 records by INSERT`],
  [`far-${ms}-pipeline`, `${ms} ms away: ten statements in a pipeline`],
])

function isFarClient(workload, client, face) {
  const hasPipeline = workload.endsWith('pipeline')
  if (hasPipeline) return client === 'pg' && face === ASYNC
  if (/query$|text$/.test(workload)) return client === 'pg'
  return client !== 'pg' || !workload.endsWith('insert-many')
}

function selectOneOver(transport) {
  return `select 1, ${{ unix: 'Unix socket', tcp: 'TCP', tls: 'TLS' }[transport]}`
}

/** Each entry: workload, title, API, client, least ratio. */
const RATIOS = [
  ...['unix', 'tcp'].flatMap((transport) => {
    const what = selectOneOver(transport)
    return [
      [`select-one-${transport}`, what, BLOCKING, 'pg', 1.8],
      [`select-one-${transport}`, what, BLOCKING, 'psycopg2', 0.75],
      [`select-one-${transport}`, what, BLOCKING, 'synckit-bridge', 5],
      [`select-one-${transport}`, what, ASYNC, 'pg', 2.5],
      [`select-one-${transport}`, what, ASYNC, 'asyncpg', 1.2],
    ]
  }),
  ...[BLOCKING, ASYNC].flatMap((face) => [
    ['million-rows-us', '1M rows kept', face, 'pg', 2],
    ['million-rows-us', '1M rows kept', face, 'postgres', 2],
    ['million-rows-us', '1M rows kept', face, 'psycopg2', 1.3],
    ['million-rows-us', '1M rows kept', face, 'asyncpg', 1.2],
    ['million-rows-us', '1M rows kept', face, 'psycopg', 1],
    ['million-streamed', '1M rows one by one', face, 'psycopg2', 3],
    ['wide-rows', '10,000 rows × 20 columns', face, 'pg', 2.5],
    ['wide-rows', '10,000 rows × 20 columns', face, 'asyncpg', 1.2],
    ...FAR.flatMap(([workload, what]) =>
      ['pg', 'psycopg', 'asyncpg']
        .filter((client) => isFarClient(workload, client, face))
        .map((client) => [workload, what, face, workload.endsWith('pipeline') ? 'pg-pipelined' : client, 1]),
    ),
  ]),
  ...['unix', 'tcp'].map((transport) => [`select-one-${transport}`, selectOneOver(transport), ASYNC, 'pg', 2.2]),
  ['select-one-tls', selectOneOver('tls'), BLOCKING, 'pg', 1],
  ['select-one-tls', selectOneOver('tls'), ASYNC, 'pg', 1.3],
  ['rows-tls', '200,000 rows over TLS', BLOCKING, 'pg', 2.4],
  ['rows-tls', '200,000 rows over TLS', ASYNC, 'pg', 2.3],
  ['insert-many', 'executemany, 10,000 rows', BLOCKING, 'asyncpg', 1],
  ['insert-many', 'executemany, 10,000 rows', BLOCKING, 'psycopg', 1],
  ['insert-many', 'executemany, 10,000 rows', ASYNC, 'asyncpg', 1],
  ['copy-records', 'COPY, 1M records', BLOCKING, 'asyncpg', 1],
  ['copy-records', 'COPY, 1M records', BLOCKING, 'psycopg', 1],
  ['copy-records', 'COPY, 1M records', ASYNC, 'asyncpg', 1],
  ...['syncpg/kysely', 'syncpg/kysely, blocking'].map((face) => [
    'builders-one-row',
    'query builders, a row by its key',
    face,
    'kysely over pg',
    1.5,
  ]),
  ...BUILDERS.flatMap((builder) =>
    BUILDER_WORKLOADS.flatMap(([workload, what, least]) =>
      [`syncpg/${builder}`, `syncpg/${builder}, blocking`].map((face) => [
        workload,
        what,
        face,
        `${builder} over pg`,
        least,
      ]),
    ).filter(([workload, , face]) => workload !== 'builders-parallel' || !face.endsWith('blocking')),
  ),
]

/** Each entry: API, and the largest allowed ratio to pg's time. */
const STARTS = [
  [BLOCKING, 1],
  [BLOCKING, 1.2],
  [ASYNC, 0.9],
  [ASYNC, 0.85],
]
/** The program `syncpg` loads more code than a script that does the same, so its limit is higher. */
const PROGRAM_START = 1.15

/** The memory of each connection beyond the first. */
const CONNECTION_LIMIT_MB = 0.5
/** The time of a `select 1` with a hundred connections in turn, divided by the time with a single connection. */
const HUNDRED_LIMIT = 1.2

const GEOMETRIC = [
  ['asyncpg', 1],
  ['pg', 3],
  ['postgres', 2],
]

const MEMORY_LIMIT_MB = 80
/** Peaks that differ by less than this count as equal, because two equal runs may differ by some megabytes. */
const SAME_MEMORY_MB = 5
const FIRST_ROW_LIMIT_MS = 1000

/**
 * @returns `[{ what, face, target, reached, unit, verdict }]`, the targets of a workload together; a target that was
 * not measured says so.
 */
export function judge(results) {
  const figures = new Map(results.map((result) => [result.workload, result]))
  const verdicts = judgeAll(figures)
  const order = [...new Set(verdicts.map(({ what }) => what))]
  return verdicts.toSorted((a, b) => order.indexOf(a.what) - order.indexOf(b.what))
}

function judgeAll(figures) {
  return [
    ...RATIOS.map(([workload, what, face, client, least]) =>
      judgeAtLeast(
        { what, face, target: `≥ ${least} × ${client}`, least, proviso: provisoOf(figures, workload, client) },
        ratioOf(figures, workload, client, face),
      ),
    ),
    ...GEOMETRIC.map(([client, least]) =>
      judgeAtLeast(
        { what: MAGICSTACK, face: ASYNC, target: `≥ ${least} × ${client}`, least },
        magicStackRatio(figures, client),
      ),
    ),
    ...memoryTargets(figures),
    ...STARTS.map(([face, most]) => {
      const ratio = ratioOf(figures, 'whole-process', 'pg', face)
      const what = 'process start, connect, select 1, end'
      return judgeAtMost({ what, face, target: `≤ ${most} × pg’s time`, most }, ratio === null ? null : inverse(ratio))
    }),
    programTarget(figures),
    ...[BLOCKING, ASYNC].flatMap((face) => [...connectionTargets(figures, face), growthTarget(figures, face)]),
    ...[BLOCKING, ASYNC].map((face) => {
      const ms = peerOf(figures, 'embedded-first-row', face)?.roundMs ?? null
      const row = { what: 'pglite: to the first row', face, target: '≤ 1 s', most: FIRST_ROW_LIMIT_MS, unit: ' ms' }
      return judgeAtMost(row, ms)
    }),
  ]
}

/**
 * The ratio of a client's time to that of syncpg/async over the seven workloads, as one spread computed round by
 * round.
 */
export function magicStackRatio(figures, client, connections = MAGICSTACK_CONNECTIONS) {
  const rounds = connections.flatMap((count) =>
    MAGICSTACK_NAMES.map((name) => roundRatios(figures, `magicstack-${name}-${count}`, client, ASYNC)),
  )
  if (rounds.includes(null)) return null
  const least = Math.min(...rounds.map((ratios) => ratios.length))
  return spreadOf(Array.from({ length: least }, (_, i) => geometricMean(rounds.map((ratios) => ratios[i]))))
}

/** @returns `{ median, least, most }`, or null if it was not measured */
export function ratioOf(figures, workload, client, face) {
  return peerOf(figures, workload, client)?.timesOf[face] ?? null
}

function roundRatios(figures, workload, client, face) {
  const [theirs, ours] = [client, face].map((name) => peerOf(figures, workload, name)?.allRoundsMs)
  return theirs === undefined || ours === undefined ? null : theirs.map((ms, i) => ms / ours[i])
}

function peerOf(figures, workload, name) {
  return figures.get(workload)?.peers.find((peer) => peer.name === name)
}

function memoryTargets(figures) {
  return [BLOCKING, ASYNC].flatMap((face) => {
    const [million, tenMillion] = ['million-streamed', 'ten-million-streamed'].map((workload) => {
      const mb = peerOf(figures, workload, face)?.peakRssMb
      return mb === undefined ? null : single(mb)
    })
    const what = 'peak memory, 1M rows one by one'
    const ten = 'peak memory, 10M rows one by one'
    const allowed = million === null ? 0 : million.median + SAME_MEMORY_MB
    const target = `≤ ${MEMORY_LIMIT_MB} MB`
    return [
      judgeAtMost({ what, face, target, most: MEMORY_LIMIT_MB, unit: ' MB' }, million),
      judgeAtMost({ what: ten, face, target: 'no more than 1M', most: allowed, unit: ' MB' }, million && tenMillion),
    ]
  })
}

function programTarget(figures) {
  const ratio = ratioOf(figures, 'whole-process', `${BLOCKING} -c`, BLOCKING)
  const what = "process start of the program: syncpg -c 'select 1'"
  return judgeAtMost({ what, face: BLOCKING, target: `≤ ${PROGRAM_START} × a script’s`, most: PROGRAM_START }, ratio)
}

function connectionTargets(figures, face) {
  const { points = [] } = figures.get('connections') ?? {}
  const peer = peerOf(figures, 'connections', face)
  const memory = { what: 'connections: memory of each beyond the first', face, target: `≤ ${CONNECTION_LIMIT_MB} MB` }
  const select = { what: 'connections: select 1 in turn, 100 by 1', face, target: `≤ ${HUNDRED_LIMIT} × that of one` }
  const [one, hundred] = [1, 100].map((count) => peer?.allRounds[points.indexOf(count)])
  const isMeasured = one !== undefined && hundred !== undefined
  const ratios = isMeasured ? hundred.map(({ selectUs }, i) => selectUs / one[i].selectUs) : []
  const each = peer === undefined ? null : single(Math.max(...peer.eachMb.filter((mb) => mb !== null)))
  return [
    judgeAtMost({ ...memory, most: CONNECTION_LIMIT_MB, unit: ' MB' }, each),
    judgeAtMost({ ...select, most: HUNDRED_LIMIT }, isMeasured ? spreadOf(ratios) : null),
  ]
}

/** The range whose cost of a unit differs most. docs/growth.md shows all ranges. */
function growthTarget(figures, face) {
  const peers = [...figures].flatMap(([name, { peers: all }]) =>
    name.startsWith('growth-') ? all.filter((peer) => peer.name === face && peer.bend !== null) : [],
  )
  const what = 'cost of a unit over each range of sizes, the worst range'
  const worst = peers.length === 0 ? null : single(Math.max(...peers.map(({ bend }) => bend)))
  return judgeAtMost({ what, face, target: `≤ ${GROWTH_LIMIT} × its best`, most: GROWTH_LIMIT }, worst)
}

function single(value) {
  return { median: value, least: value, most: value }
}

/** The target is about psycopg 3 with its C parts. Being faster than its pure Python version proves little. */
function provisoOf(figures, workload, client) {
  if (client !== 'psycopg') return ''
  const { version } = peerOf(figures, workload, client) ?? {}
  return version?.endsWith('(python)') ? ', without psycopg’s C parts' : ''
}

function judgeAtLeast({ what, face, target, least, proviso = '' }, spread) {
  if (spread === null) return notMeasured({ what, face, target })
  const verdict = spread.median >= least ? 'reached' : spread.most >= least ? 'within the spread' : 'missed'
  return { what, face, target, reached: spread, unit: ' ×', verdict: `${verdict}${proviso}` }
}

function judgeAtMost({ what, face, target, most, unit = ' ×' }, spread) {
  if (spread === null) return notMeasured({ what, face, target })
  const verdict = spread.median <= most ? 'reached' : spread.least <= most ? 'within the spread' : 'missed'
  return { what, face, target, reached: spread, unit, verdict }
}

function notMeasured(row) {
  return { ...row, reached: null, unit: '', verdict: 'not measured' }
}

function inverse({ median, least, most }) {
  return { median: 1 / median, least: 1 / most, most: 1 / least }
}
