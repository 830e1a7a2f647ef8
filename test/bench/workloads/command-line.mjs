/** Compares the terminal client with psql: one answer, and the time to the first prompt. */
import { fileURLToPath } from 'node:url'
import { libpqEnvironment } from '../support/node-script.mjs'
import { psqlProgram } from '../support/psql-program.mjs'
import { runToEnd, runToPrompt } from '../support/run-process.mjs'

const PROMPT = /=[#>]/

const common = {
  isProcess: true,
  transport: 'unix',
  unit: 'process',
  rounds: 15,
  only: ['syncpg', 'psql'],
  size: {},
  quickSize: {},
  operations: () => 1,
  prepare: () => ({ value: 1 }),
}

const answer = {
  ...common,
  name: 'command-line-answer',
  title: "A command's answer: syncpg -c 'select 1' and psql -c 'select 1'",
  entriesFor: (peers, target) =>
    peers.map((peer) => ({
      name: peer.name,
      async run() {
        const words = [...programOf(peer), '-XAtc', 'select 1']
        const { elapsedMs, output } = await runToEnd(words[0], words.slice(1), libpqEnvironment(target))
        return { elapsedMs, value: Number(output) }
      },
    })),
}

const prompt = {
  ...common,
  name: 'command-line-prompt',
  title: 'Time to the first prompt in a terminal',
  entriesFor: (peers, target) => [
    ...peers.map((peer) => ({
      name: peer.name,
      run: () => toPrompt([...programOf(peer), '-X'], libpqEnvironment(target)),
    })),
    ...peers
      .filter(({ dist }) => dist !== undefined)
      .map((peer) => ({
        name: `pglite: in ${peer.name}`,
        run: () => toPrompt([...programOf(peer), '-X', 'pglite:'], {}),
      })),
  ],
}

function programOf({ dist }) {
  return dist === undefined ? [psqlProgram()] : [process.execPath, fileURLToPath(new URL('cli.js', dist))]
}

function toPrompt(words, env) {
  return runToPrompt(words[0], words.slice(1), { env, prompt: PROMPT })
}

export const workloads = [answer, prompt]
