/** The workloads, in the order they run. */
import { workloads as selectOne } from '../workloads/select-one.mjs'
import { workloads as millionRows } from '../workloads/million-rows.mjs'
import { workload as wideRows } from '../workloads/wide-rows.mjs'
import { workload as insertMany } from '../workloads/insert-many.mjs'
import { workload as copyRecords } from '../workloads/copy-records.mjs'
import { workload as wholeProcess } from '../workloads/whole-process.mjs'

export const WORKLOADS = [...selectOne, wideRows, ...millionRows, insertMany, copyRecords, wholeProcess]
