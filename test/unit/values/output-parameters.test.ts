/** Parameters that stand alone as a column, so that nothing else decides about their type. */
import { expect, test } from 'vitest'

import { outputParameters } from '../../../src-async/values/output-parameters.ts'

test.each([
  ['select $1', [1]],
  ['SELECT $1, $2 as two, a from t', [1, 2]],
  ['/* x */ select $1; -- end', [1]],
  ['with t as (select $1) select $2 from t', [2]],
  ["select $1 = 'a', $2 || 'x', f($3), array[$4], $5::int", []],
  ["select 'a' union select $1", []],
  ['select $1 union all select a from t', []],
  ["values ('a'), ($1)", []],
  ['select a from t order by b, $1', []],
  ['select $1 between 1 and 2, $2 is null, $3 in (1), $4', [4]],
  ["select case when a then $1 end, '$2', $3", [3]],
  ["select distinct $1, $2, '", [2]],
  ['insert into t values ($1)', []],
  ['', []],
])('%s', (sql, numbers) => {
  expect([...outputParameters(sql, true)]).toEqual(numbers)
})
