/** Which texts set client_encoding. */
import { expect, test } from 'vitest'

import { encodingUse, requireUtf8 } from '../../../src-async/values/client-encoding.ts'

test.each([
  ['select 1', 'none'],
  ["set client_encoding to 'UTF8'; select 1", 'none'],
  ["set names default; select 'é'", 'none'],
  ["select set_config('client_encoding', 'utf-8', true), 'é'", 'none'],
  ["select set_config('app.client_encoding', $1, true), 'é'", 'none'],
  ["select 'set client_encoding = latin1'; select 1 -- set client_encoding = latin1", 'none'],
  ['alter role bob set client_encoding = latin1; select 1', 'none'],
  ["create function f() returns text language sql set client_encoding = latin1 as 'select 1'; select f()", 'none'],
  ['set client_encoding = latin1', 'last'],
  ["SET SESSION Client_Encoding TO 'LATIN1'; create table t (); insert into t default values", 'last'],
  ['set names latin1; select pg_catalog.setval(1, 2); show server_version', 'last'],
  ['set client_encoding = latin1; reset client_encoding; table t', 'last'],
  ['set client_encoding = latin1; discard all; select 1', 'last'],
  ["select set_config('client_encoding', 'latin1', false) as v", 'last'],
  ['select pg_catalog.set_config($1, $2, false)', 'lone call'],
  ["select set_config('client_' || 'encoding', $2, false) v", 'lone call'],
  ["update pg_settings set setting = 'latin1' where name = 'client_encoding'", 'last'],
  ['set client_encoding = latin1; select 1', 'mixed'],
  ['set "client_encoding" = latin1; table t', 'mixed'],
  ['set/**/client_encoding/**/=/**/latin1; (select 1)', 'mixed'],
  ["set local client_encoding to E'latin1'; insert into t values (1) returning v", 'mixed'],
  ["select set_config('client_encoding', 'latin1', false), 1", 'mixed'],
  ['select set_config($$client_encoding$$, $1, false) from t where a = (1)', 'mixed'],
  ["with a as (select set_config('client_encoding', $1, false)) select * from a", 'mixed'],
  ["update pg_catalog.pg_settings set setting = 'latin1' where name = 'client_encoding' returning 'é'", 'mixed'],
  ['select set_config($1, $2, false), 1', 'call'],
  ["select set_config('client_' || 'encoding', $2, false), 1", 'call'],
])('%s: %s', (sql, use) => {
  expect(encodingUse(sql, true)).toBe(use)
})

test('the values of a call decide whether it may set client_encoding', () => {
  const refuses = (...values: unknown[]): boolean => {
    try {
      requireUtf8('call', values)
      return false
    } catch {
      return true
    }
  }
  expect(refuses('client_encoding', 'LATIN1')).toBe(true)
  expect(refuses(' Client_Encoding ', null)).toBe(true)
  expect(refuses('client_encoding', 'UTF8')).toBe(false)
  expect(refuses('app.tenant', 'LATIN1')).toBe(false)
  expect(refuses(1, null)).toBe(false)
})
