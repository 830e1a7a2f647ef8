/**
 * Checks two tables of the guide to connecting against the sources: the keywords, and the meaning of each form of a
 * DSN.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ClientConfigurationError, NotSupportedError } from '../../../src-async/errors/tree.ts'
import { checkOptions, optionsLayer, type ConnectOptions } from '../../../src-async/options/connect-options.ts'
import { KEYWORDS } from '../../../src-async/options/keywords.ts'
import { resolveOptions } from '../../../src-async/options/options.ts'
import type { HostAddress, SessionOptions } from '../../../src-async/options/session-options.ts'

const guide = readFileSync(new URL('../../../docs/guides/connecting.md', import.meta.url), 'utf8')
const env = { HOME: '/nonexistent' }

/** The cells of the table whose first header is `header`. */
function table(header: string): string[][] {
  const lines = guide.split('\n')
  const first = lines.findIndex((line) => line.startsWith(`| ${header} |`)) + 2
  const rows: string[][] = []
  for (let at = first; lines[at]?.startsWith('|'); at++) rows.push(cells(lines[at]!))
  return rows
}

function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}

const code = (cell: string): string | null => /^`([^`]+)`$/.exec(cell)?.[1] ?? null

describe('the table of keywords', () => {
  const rows = table('keyword').map(([keyword = '', variable = '', option = '', here = '']) => ({
    keyword: code(keyword)!,
    variable: code(variable),
    option: code(option),
    here,
  }))

  test('has every keyword once, with its variable', () => {
    const told = rows.map(({ keyword, variable }) => [keyword, variable] as const)
    expect(told.toSorted()).toEqual([...KEYWORDS].toSorted())
  })

  test('has each option beside its keyword', () => {
    let hint: string | undefined
    try {
      checkOptions({ nonesuch: 1 } as ConnectOptions, [])
    } catch (error) {
      hint = (error as ClientConfigurationError).hint
    }
    const known = hint!.replace('known options: ', '').split(', ')
    const pairs = known.flatMap((option) => {
      const [keyword] = optionsLayer({ [option]: 'x' }).values.keys()
      return keyword === undefined ? [] : [[keyword, option]]
    })
    const told = rows.flatMap(({ keyword, option }) => (option === null ? [] : [[keyword, option]]))
    expect(pairs.length).toBeGreaterThan(20)
    expect(told.toSorted()).toEqual(pairs.toSorted())
  })

  /** A value for each keyword that the table calls refused. It must be refused. */
  const refused: Readonly<Record<string, string>> = {
    replication: 'database',
    gssencmode: 'require',
    sslcertmode: 'require',
    requirepeer: 'postgres',
    scram_client_key: 'x',
    scram_server_key: 'x',
    oauth_issuer: 'x',
    oauth_client_id: 'x',
    oauth_client_secret: 'x',
    oauth_scope: 'x',
  }

  test('says "refused" of exactly the keywords that are refused', () => {
    const told = rows.filter(({ here }) => here.includes('refused')).map(({ keyword }) => keyword)
    expect(told.toSorted()).toEqual(Object.keys(refused).toSorted())
    for (const [keyword, value] of Object.entries(refused)) {
      expect(() => resolveOptions({ dsn: `host=h,/tmp user=u ${keyword}=${value}` }, env)).toThrow(NotSupportedError)
    }
  })
})

function place(host: HostAddress): string {
  switch (host.kind) {
    case 'pglite':
      return host.dataDirectory === null ? 'the embedded database, in memory,' : 'the embedded database in `./data`,'
    case 'unix':
      return `\`${host.path}\``
    case 'tcp':
      return `\`${host.host.includes(':') ? `[${host.host}]` : host.host}:${host.port}\``
  }
}

function meaning({ hosts, user, database }: SessionOptions): string {
  for (const host of hosts) if (host.kind === 'pglite') expect([null, resolve('data')]).toContain(host.dataDirectory)
  return `${hosts.map(place).join(' or else ')} as \`${user}\`, database \`${database}\``
}

describe('the table of DSNs', () => {
  const rows = table('DSN').map(([dsn = '', means = '']) => [code(dsn)!, means] as const)

  test('is found', () => {
    expect(rows.length).toBeGreaterThan(8)
  })

  test.each(rows)('%s is %s', (dsn, means) => {
    if (means.startsWith('an error')) expect(() => resolveOptions({ dsn }, env)).toThrow(ClientConfigurationError)
    else expect(meaning(resolveOptions({ dsn }, env).session)).toBe(means)
  })
})
