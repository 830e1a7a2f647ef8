import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DbError, ProgrammingError } from '../../../src-async/errors/tree.ts'
import type { ConnectOptions } from '../../../src-async/options/connect-options.ts'
import { connectArguments, awaitPassword, resolveOptions } from '../../../src-async/options/options.ts'
import { failureOf } from '../../support/failure-of.ts'

const variables = { HOME: '/nonexistent/home', PGUSER: 'u', PGHOST: 'h' }

function resolve(options: object, extraKeys: readonly string[] = []) {
  return resolveOptions({ options: options as ConnectOptions, extraKeys }, variables)
}

const failure = (call: () => unknown): DbError => failureOf(call, DbError)

describe('limits and the statement cache', () => {
  test('each has a default', () => {
    expect(resolve({})).toMatchObject({
      commandTimeoutMs: 0,
      statementCache: { size: 100, lifetimeMs: 300_000, maxSqlLength: 15_360 },
      session: { connectTimeoutMs: 60_000 },
    })
  })

  test('each can be set', () => {
    const options = {
      commandTimeout: 5,
      statementCacheSize: 0,
      maxCachedStatementLifetime: 1.5,
      maxCacheableStatementSize: 9,
      timeout: 7,
    }
    expect(resolve(options)).toMatchObject({
      commandTimeoutMs: 5,
      statementCache: { size: 0, lifetimeMs: 1.5, maxSqlLength: 9 },
      session: { connectTimeoutMs: 7 },
    })
  })

  test('null means no limit for times, and the default for all others', () => {
    expect(resolve({ timeout: null, commandTimeout: null, statementCacheSize: null, user: null })).toMatchObject({
      commandTimeoutMs: 0,
      statementCache: { size: 100 },
      session: { connectTimeoutMs: 0, user: 'u' },
    })
  })

  test('undefined is the default', () => {
    expect(resolve({ timeout: undefined, host: undefined })).toMatchObject({ session: { connectTimeoutMs: 60_000 } })
  })
})

const SECRET = 'Tr0ub4dor'

describe('an option of the wrong type', () => {
  test.each<[string, unknown]>([
    ['dsn', 1],
    ['host', 1],
    ['host', [1]],
    ['host', []],
    ['hostaddr', ['10.0.0.1']],
    ['port', 1.5],
    ['port', 0],
    ['port', 65_536],
    ['port', Number.NaN],
    ['port', true],
    ['port', 'x'],
    ['port', []],
    ['user', 1],
    ['user', { toString: () => SECRET }],
    ['password', 1],
    ['password', [SECRET]],
    ['database', {}],
    ['passfile', 1],
    ['service', 1],
    ['serviceFile', 1],
    ['timeout', '60'],
    ['timeout', -1],
    ['timeout', Number.NaN],
    ['timeout', true],
    ['commandTimeout', '1'],
    ['commandTimeout', -1],
    ['statementCacheSize', -1],
    ['statementCacheSize', 1.5],
    ['statementCacheSize', false],
    ['maxCachedStatementLifetime', -1],
    ['maxCacheableStatementSize', '1'],
    ['ssl', 1],
    ['sslmode', true],
    ['sslmode', 'on'],
    ['sslrootcert', 1],
    ['sslcert', 1],
    ['sslkey', 1],
    ['sslpassword', 1],
    ['sslcrl', 1],
    ['serverSettings', 'a=b'],
    ['serverSettings', ['a']],
    ['serverSettings', { a: {} }],
    ['serverSettings', { a: null }],
    ['serverSettings', { '': 'x' }],
    ['serverSettings', { user: 'x' }],
    ['serverSettings', { Database: 'x' }],
    ['serverSettings', { replication: 'true' }],
    ['serverSettings', { '_pq_.x': '1' }],
    ['serverSettings', { client_encoding: 'latin1' }],
    ['applicationName', 1],
    ['krbsrvname', 1],
    ['gssDelegation', '1'],
    ['targetSessionAttrs', 'master'],
    ['loadBalanceHosts', true],
  ])('%s: %o is a ProgrammingError that names it and no secret', (name, value) => {
    const error = failure(() => resolve({ [name]: value }))
    expect(error).toBeInstanceOf(ProgrammingError)
    // An option with a list of allowed values is checked under the keyword's name, from whichever source it comes.
    expect(error.message.replace('target_session_attrs', 'targetSessionAttrs')).toContain(name)
    expect(inspect(error)).not.toContain(SECRET)
  })

  test.each([['text'], [1], [[]]])('options that are %o are refused', (options) => {
    expect(failure(() => resolve(options as never))).toBeInstanceOf(ProgrammingError)
  })

  test('a DSN that is no string is refused', () => {
    expect(failure(() => resolveOptions({ dsn: 1 as never }, variables)).message).toContain('expected a DSN string')
  })

  test('a DSN given twice is refused', () => {
    expect(failure(() => resolveOptions({ dsn: '', options: { dsn: '' } }, variables)).message).toContain('twice')
  })

  test('the DSN may be an option', () => {
    expect(resolve({ dsn: 'postgres://x@y/z' }).session).toMatchObject({ user: 'x', database: 'z' })
  })
})

describe('an unknown option', () => {
  test.each([
    ['pasword', 'password'],
    ['Host', 'host'],
    ['application_name', 'applicationName'],
    ['statement_cache_size', 'statementCacheSize'],
    ['sslMode', 'sslmode'],
    ['dbname', 'database'],
    ['username', 'user'],
    ['connectionString', 'dsn'],
    ['server_settings', 'serverSettings'],
    ['autocomit', 'autocommit'],
  ])('%s is refused with the advice to write %s', (name, meant) => {
    const error = failure(() => resolve({ [name]: SECRET }, ['autocommit']))
    expect(error).toBeInstanceOf(ProgrammingError)
    expect(error.message).toContain(`unknown option "${name}"`)
    expect(error.hint).toBe(`did you mean ${meant}?`)
    expect(inspect(error)).not.toContain(SECRET)
  })

  test('an unknown name that resembles no other gives the whole list', () => {
    expect(failure(() => resolve({ xyzzy: 1 })).hint).toContain('known options: dsn, host')
    expect(failure(() => resolve({ toString: 1 })).message).toContain('unknown option "toString"')
    expect(failure(() => resolve(JSON.parse('{"__proto__": 1}') as object)).message).toContain(
      'unknown option "__proto__"',
    )
  })

  test('the options that only one face has are accepted', () => {
    expect(() => resolve({ autocommit: true, paramstyle: 'qmark' }, ['autocommit', 'paramstyle'])).not.toThrow()
  })
})

describe('passwords', () => {
  test('a function is called for each resolution', () => {
    let calls = 0
    const password = () => `p${++calls}`
    expect([resolve({ password }).session.password, resolve({ password }).session.password]).toEqual(['p1', 'p2'])
  })

  test('a function that gives a promise or another value is refused, and the value is not shown', () => {
    const error = failure(() => resolve({ password: () => Promise.resolve(SECRET) }))
    expect(error.message).toContain('a promise')
    expect(inspect(error)).not.toContain(SECRET)
    expect(failure(() => resolve({ password: () => 1 }))).toBeInstanceOf(ProgrammingError)
  })

  test('a face that can wait awaits a promise of a password', async () => {
    expect(resolve(await awaitPassword({ password: async () => 'later' })).session.password).toBe('later')
    expect(resolve(await awaitPassword({ password: 'now' })).session.password).toBe('now')
    const wrong = await awaitPassword({ password: async () => 1 as never })
    expect(failure(() => resolve(wrong))).toBeInstanceOf(ProgrammingError)
  })

  test('an error of the function passes unchanged', () => {
    const mine = new Error('vault is closed')
    expect(() =>
      resolve({
        password: () => {
          throw mine
        },
      }),
    ).toThrow(mine)
  })
})

test.each([
  ['user', { user: 'a\0b' }],
  ['database', { database: 'a\0database\0b' }],
  ['password', { password: `${SECRET}\0` }],
  ['server setting search_path', { serverSettings: { search_path: 'a\0user\0postgres' } }],
  ['the name of a server setting', { serverSettings: { 'a\0b': 'c' } }],
  ['server setting application_name', { applicationName: 'a\0' }],
])('a zero byte in %s cannot add parameters to the startup message', (what, options) => {
  const error = failure(() => resolve(options))
  expect(error).toBeInstanceOf(ProgrammingError)
  expect(error.message).toBe(`${what}: holds a zero byte`)
  expect(inspect(error)).not.toContain(SECRET)
})

test('a setting may have the name of a property of Object.prototype', () => {
  const settings = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, string>
  const { parameters } = resolve({ serverSettings: settings }).session
  expect(Object.entries(parameters)).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
})

describe('the arguments of connect', () => {
  test.each([
    ['a DSN', ['pglite:'], { dsn: 'pglite:', options: {} }],
    ['a DSN and options', ['pglite:', { user: 'u' }], { dsn: 'pglite:', options: { user: 'u' } }],
    ['options', [{ user: 'u' }], { options: { user: 'u' } }],
    ['no DSN and options', [undefined, { user: 'u' }], { options: { user: 'u' } }],
    ['nothing', [], { options: {} }],
  ] as const)('%s', (_what, [dsn, options], expected) => {
    expect(connectArguments(dsn, options)).toEqual(expected)
  })

  test('options in both places are refused, because one of them would be ignored', () => {
    expect(() => connectArguments({ user: 'a' }, { user: 'b' })).toThrow('options were given twice')
  })
})
