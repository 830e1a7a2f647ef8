import { expect, test } from 'vitest'

import { accessDenied, isAccessDenied } from '../../../src-async/errors/node-permission.ts'

function denied(permission?: string, resource?: string): never {
  throw Object.assign(new Error('Access to this API has been restricted'), {
    code: 'ERR_ACCESS_DENIED',
    permission,
    resource,
  })
}

test.each([
  ['WorkerThreads', '', 'worker threads', 'run node with --allow-worker'],
  ['FileSystemRead', '/srv/a', 'reading /srv/a', 'run node with --allow-fs-read=/srv/a'],
  [
    'FileSystemRead',
    '/srv/node_modules/a/b.js',
    'reading /srv/node_modules/a/b.js',
    'run node with --allow-fs-read=/srv/node_modules/*',
  ],
  ['Net', 'a:1', 'the network a:1', 'run node with --allow-net'],
  ['Future', '', 'Future', undefined],
  [undefined, undefined, 'this', undefined],
])('%s %s has an error with a clear message', (permission, resource, what, hint) => {
  try {
    denied(permission, resource)
  } catch (error) {
    if (!isAccessDenied(error)) throw error
    const found = accessDenied('it failed', error)
    expect(found.primaryMessage).toBe(`it failed: Node's permission model forbids ${what}`)
    expect([found.hint ?? undefined, found.cause]).toEqual([hint, error])
  }
})
