import { expect, test } from 'vitest'
import { InterfaceError } from '../../../src-async/errors/tree.ts'
import { parseServerVersion } from '../../../src-async/server-version.ts'

test.each([
  ['18.4', 18, 4, 0, ''],
  ['17.2 (Debian 17.2-1.pgdg120+1)', 17, 2, 0, ''],
  ['10.1', 10, 1, 0, ''],
  ['9.6.24', 9, 6, 24, ''],
  ['9.4beta1', 9, 4, 0, 'beta1'],
  ['19devel', 19, 0, 0, 'devel'],
  ['18rc1', 18, 0, 0, 'rc1'],
  ['Postgres-XL 9.2.1', 9, 2, 1, ''],
  ['PostgreSQL 11.2-YB-2.7.1.1-b0', 11, 2, 0, ''],
])('the version %s is read', (text, major, minor, patch, prerelease) => {
  expect(parseServerVersion(text)).toEqual({ major, minor, patch, prerelease, text })
})

test('a text without a number is no version', () => {
  expect(() => parseServerVersion('unknown')).toThrow(InterfaceError)
})
