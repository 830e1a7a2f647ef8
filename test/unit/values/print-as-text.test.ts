/** Dates, times and intervals print as text. */
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { inspect } from 'node:util'

import { expect, test } from 'vitest'

import { PgDate } from '../../../src-async/values/pg-date.ts'
import { PgInterval } from '../../../src-async/values/pg-interval.ts'
import { PgTime, PgTimeTz } from '../../../src-async/values/pg-time.ts'
import { PgTimestamp } from '../../../src-async/values/pg-timestamp.ts'

const VALUES: [object, string][] = [
  [new PgDate(2024, 2, 29), '2024-02-29'],
  [new PgDate(-43, 3, 15), '0044-03-15 BC'],
  [new PgTime(12, 34, 56, 789_000), '12:34:56.789'],
  [new PgTimeTz(12, 34, 56, 0, 7200), '12:34:56+02'],
  [new PgTimestamp(0, 5), '1970-01-01T00:00:00.000005Z'],
  [PgInterval.parse('1 day 02:00'), '1 day 02:00:00'],
]

test.each(VALUES)(
  'util.inspect and console.table print %s as its text, alone and within other values',
  (value, text) => {
    expect(inspect(value)).toBe(text)
    expect(inspect({ a: [value] })).toBe(`{ a: [ ${text} ] }`)
    expect(inspect(value, { colors: true })).toContain(text)
    let printed = ''
    const stdout = new Writable({ write: (chunk, _encoding, done) => ((printed += String(chunk)), done()) })
    new Console({ stdout, colorMode: false }).table([{ value }])
    expect(printed).toContain(` ${text} `)
    expect(Object.getOwnPropertySymbols(value)).toEqual([])
  },
)
