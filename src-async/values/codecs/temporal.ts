/**
 * The option `types: 'temporal'`: dates, times and intervals as Temporal's objects, of the runtime or of a polyfill.
 * Infinities stay numbers. Values that Temporal cannot hold (24:00:00, years beyond 275760, intervals of mixed signs) are an
 * error. Temporal's objects can be written without this option too.
 */
import { DataError, type DbError } from '../../errors/tree.ts'
import type { TemporalNamespace } from '../calendar.ts'
import { describeValue } from '../../errors/describe-value.ts'
import { literalText } from '../literal-text.ts'
import type { PgDate } from '../pg-date.ts'
import type { PgInterval } from '../pg-interval.ts'
import type { PgTime } from '../pg-time.ts'
import { PgTimestamp } from '../pg-timestamp.ts'
import type { Codec } from '../codec.ts'
import { date, time, timestamp, timestamptz } from './date-time.ts'
import { interval } from './interval.ts'

type Make = (value: never, temporal: TemporalNamespace) => unknown

const MAKERS: ReadonlyMap<Codec, Make> = new Map<Codec, Make>([
  [date, (value: PgDate, temporal) => value.toTemporal(temporal)],
  [time, (value: PgTime, temporal) => value.toTemporal(temporal)],
  [timestamp, (value: Date, temporal) => temporal.PlainDateTime.from(wallClock(value))],
  [timestamptz, (value: Date, temporal) => precise(value).toTemporal(temporal)],
  [interval, (value: PgInterval, temporal) => value.toTemporal(temporal)],
] as [Codec, Make][])

/** The codecs of types that have a form in Temporal. */
export const TEMPORAL_CODECS: readonly Codec[] = [...MAKERS.keys()]

/** A codec whose values are Temporal's objects; null for a type that has none. */
export function temporalCodec(base: Codec, temporal: TemporalNamespace): Codec | null {
  const make = MAKERS.get(base)
  if (make === undefined) return null
  const made = (value: unknown): unknown => {
    if (typeof value === 'number') return value
    try {
      return make(value as never, temporal)
    } catch (error) {
      throw unrepresentable(base, value, error)
    }
  }
  return {
    ...base,
    decode: (input, length) => made(base.decode(input, length)),
    decodeText: (text) => made(base.decodeText(text)),
    encodeText: (value) => literalText(base, value),
  }
}

function precise(value: Date): PgTimestamp {
  return value instanceof PgTimestamp ? value : new PgTimestamp(value.getTime())
}

function wallClock(value: Date): object {
  return {
    year: value.getUTCFullYear(),
    month: value.getUTCMonth() + 1,
    day: value.getUTCDate(),
    hour: value.getUTCHours(),
    minute: value.getUTCMinutes(),
    second: value.getUTCSeconds(),
    millisecond: value.getUTCMilliseconds(),
    microsecond: value instanceof PgTimestamp ? value.microseconds : 0,
  }
}

function unrepresentable(base: Codec, value: unknown, cause: unknown): DbError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new DataError(`${base.name}: ${describeValue(value)} has no form in Temporal: ${reason}`, { cause })
}
