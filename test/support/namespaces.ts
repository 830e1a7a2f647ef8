/** Processes in Linux namespaces of their own, as in a container, by unshare(1). */
import { spawnSync } from 'node:child_process'

/**
 * The beginning of a command line. The process sees no other process, has its own host name, network and mounts, and
 * dies with unshare.
 */
export const IN_CONTAINER = [
  'unshare',
  ...['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--net', '--uts', '--ipc'],
] as const

/** Whether this user may make them. */
export const hasNamespaces = works([...IN_CONTAINER, 'true'])

/** Whether this user may mount a file system in a namespace of its own. */
export const canMount = works([...IN_CONTAINER, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])

function works([command, ...args]: readonly string[]): boolean {
  return process.platform === 'linux' && spawnSync(command!, args, { timeout: 10_000 }).status === 0
}
