/**
 * Turns an error of Node's permission model (`node --permission`) into an error that names the option that allows the
 * action.
 */
import { OperationalError } from './tree.ts'

interface AccessDenied extends Error {
  readonly code: 'ERR_ACCESS_DENIED'
  /** `FileSystemRead`, `WorkerThreads` … */
  readonly permission?: string
  /** The path, for a permission that is about one. */
  readonly resource?: string
}

const FLAGS: Readonly<Record<string, readonly [what: string, flag: string]>> = {
  FileSystemRead: ['reading', '--allow-fs-read'],
  FileSystemWrite: ['writing', '--allow-fs-write'],
  WorkerThreads: ['worker threads', '--allow-worker'],
  Net: ['the network', '--allow-net'],
  Addon: ['native addons', '--allow-addons'],
  WASI: ['WASI', '--allow-wasi'],
}

export function isAccessDenied(error: unknown): error is AccessDenied {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED'
}

/**
 * @param action what could not be done: `the worker thread cannot start`
 * @param allow the path to allow. The default is the denied path; for a path in `node_modules`, all packages.
 * @returns an error that says what Node forbids and which option allows it.
 */
export function accessDenied(action: string, error: AccessDenied, allow?: string): OperationalError {
  const { permission = '', resource = '' } = error
  const [what, flag] = FLAGS[permission] ?? [permission, null]
  const about = what === '' ? 'this' : resource === '' ? what : `${what} ${resource}`
  const path = allow ?? resource.replace(/([\\/]node_modules[\\/]).*$/, '$1*')
  const value = permission.startsWith('FileSystem') && path !== '' ? `=${path}` : ''
  return new OperationalError(`${action}: Node's permission model forbids ${about}`, {
    ...(flag === null ? {} : { hint: `run node with ${flag}${value}` }),
    cause: error,
  })
}
