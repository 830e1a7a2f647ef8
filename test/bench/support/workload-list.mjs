/** The workloads in the order in which they run. */
import { workloads as builders } from '../workloads/builders.mjs'
import { workloads as commandLine } from '../workloads/command-line.mjs'
import { workload as connections } from '../workloads/connections.mjs'
import { workload as copyRecords } from '../workloads/copy-records.mjs'
import { workloads as far } from '../workloads/far.mjs'
import { workload as firstRow } from '../workloads/embedded-first-row.mjs'
import { workloads as growth } from '../workloads/growth.mjs'
import { workload as importing } from '../workloads/import.mjs'
import { workload as inFlight } from '../workloads/in-flight.mjs'
import { workload as insertMany } from '../workloads/insert-many.mjs'
import { workloads as magicStack } from '../workloads/magicstack.mjs'
import { workloads as streamed } from '../workloads/million-rows-streamed.mjs'
import { workloads as millionRows } from '../workloads/million-rows.mjs'
import { workloads as selectOne } from '../workloads/select-one.mjs'
import { workloads as sqlite } from '../workloads/sqlite.mjs'
import { workload as wholeProcess } from '../workloads/whole-process.mjs'
import { workload as wideRows } from '../workloads/wide-rows.mjs'

export const WORKLOADS = [
  ...selectOne,
  inFlight,
  wideRows,
  ...millionRows,
  ...streamed,
  insertMany,
  copyRecords,
  ...magicStack,
  ...builders,
  ...far,
  ...sqlite,
  importing,
  connections,
  wholeProcess,
  firstRow,
  ...commandLine,
  ...growth,
]
