import type { Call } from './commands.ts'
export const OBJECT_COMMANDS: readonly string[] = ['d']
export function describeObjects(_: Call): boolean { return true }
