/**
 * What syncpg sets out to reach, workload by workload, and what the figures say to it. A target is a ratio to another
 * client (how many times as long that one takes), or a limit in megabytes or milliseconds.
 */
import { MAGICSTACK_CONNECTIONS, MAGICSTACK_NAMES } from '../workloads/magicstack.mjs'
import { geometricMean, spreadOf } from './statistics.mjs'

const BLOCKING = 'syncpg'
const ASYNC = 'syncpg/async'
const MAGICSTACK = 'MagicStack’s seven, 1 and 10 connections, geometric mean'

const BUILDERS = ['kysely', 'drizzle']
/** Each: workload, what it is called, the least ratio to the same builder over pg. */
const BUILDER_WORKLOADS = [
  ['builders-one-row', 'query builders, a row by its key', 1.2],
  ['builders-thousand-rows', 'query builders, 1,000 rows × 8', 2],
  ['builders-new-text', 'query builders, always a new text', 1],
  ['builders-transaction', 'query builders, a transaction of three', 1],
  ['builders-parallel', 'query builders, ten at once', 1.2],
]

/** Each: workload, what it is called, face, client, the least ratio. */
const RATIOS = [
  ...['unix', 'tcp'].flatMap((transport) => {
    const what = `select 1, ${transport === 'unix' ? 'Unix socket' : 'TCP'}`
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
  ]),
  ['insert-many', 'executemany, 10,000 rows', BLOCKING, 'asyncpg', 1],
  ['insert-many', 'executemany, 10,000 rows', BLOCKING, 'psycopg', 1],
  ['insert-many', 'executemany, 10,000 rows', ASYNC, 'asyncpg', 1],
  ['copy-records', 'COPY, 1M records', BLOCKING, 'asyncpg', 1],
  ['copy-records', 'COPY, 1M records', BLOCKING, 'psycopg', 1],
  ['copy-records', 'COPY, 1M records', ASYNC, 'asyncpg', 1],
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

/** Each: face, at most so many times pg's time. */
const STARTS = [
  [BLOCKING, 1],
  [ASYNC, 0.9],
]

const GEOMETRIC = [
  ['asyncpg', 1],
  ['pg', 3],
  ['postgres', 2],
]

const MEMORY_LIMIT_MB = 80
/** Two runs of the same do not end with the same peak to the megabyte. */
const SAME_MEMORY_MB = 5
const FIRST_ROW_LIMIT_MS = 1000

/** @returns `[{ what, face, target, reached, unit, verdict }]`, a workload's targets together; what was not measured says so. */
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
    ...[BLOCKING, ASYNC].map((face) => {
      const ms = peerOf(figures, 'embedded-first-row', face)?.roundMs ?? null
      const row = { what: 'pglite: to the first row', face, target: '≤ 1 s', most: FIRST_ROW_LIMIT_MS, unit: ' ms' }
      return judgeAtMost(row, ms)
    }),
  ]
}

/** How many times as long a client takes as our async face over the seven, one spread for all: round by round. */
export function magicStackRatio(figures, client, connections = MAGICSTACK_CONNECTIONS) {
  const rounds = connections.flatMap((count) =>
    MAGICSTACK_NAMES.map((name) => roundRatios(figures, `magicstack-${name}-${count}`, client, ASYNC)),
  )
  if (rounds.includes(null)) return null
  const least = Math.min(...rounds.map((ratios) => ratios.length))
  return spreadOf(Array.from({ length: least }, (_, i) => geometricMean(rounds.map((ratios) => ratios[i]))))
}

/** @returns `{ median, least, most }`, or null where it was not measured. */
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
      return mb === undefined ? null : { median: mb, least: mb, most: mb }
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

/** psycopg 3 is meant with its C parts; beside its Python alone to be faster proves little. */
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
