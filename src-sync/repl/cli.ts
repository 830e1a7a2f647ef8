#!/usr/bin/env node
/**
 * The entry of the program `syncpg`. Enables Node's compile cache in the folder for temporary files, where Node has one (22.8
 * and later; NODE_DISABLE_COMPILE_CACHE=1 disables it), then loads the program.
 */
import nodeModule from 'node:module'

const { enableCompileCache } = nodeModule as { readonly enableCompileCache?: () => unknown }
enableCompileCache?.()
const [, , command, ...words] = process.argv
if (command === 'sqlite-check' || command === 'sqlite-import') {
  const { runMoveCommand } = await import('../sqlite-move/command.ts')
  process.exitCode = await runMoveCommand(command, words)
} else {
  await import('./program.ts')
}
