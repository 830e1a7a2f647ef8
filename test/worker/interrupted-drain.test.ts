/**
 * A call is interrupted while it takes records out of the ring. No record may be lost, and none may be taken twice:
 * the program would get a notification twice. V8 ends a script where a function begins or a loop repeats, so the time
 * limit of `vm` shows which orders of statements are safe.
 */
import { expect, test } from 'vitest'

import { runScript } from '../support/run-script.ts'

const TEARS = 80

const SCRIPT = `
import { Script } from 'node:vm'
import { RECORD, sessionBlockBytes, viewSessionBlock } from './worker/channel/layout.ts'
import { RingReader, RingWriter } from './worker/channel/ring.ts'
const tearsWanted = Number(process.argv.at(-1))
const count = 10_000 // They have room in the ring.
const block = viewSessionBlock(new SharedArrayBuffer(sessionBlockBytes(1 << 20)))
const writer = new RingWriter(block, { willHaveRoom: () => true, blocked() {}, drained() {} })
const reader = new RingReader(block, () => {})
const bytes = Buffer.alloc(8)
let taken = []
const handler = { record: (kind, id) => { taken.push(id) } }
globalThis.drain = () => reader.drain(handler)
const script = new Script('drain()')
let tears = 0
for (let round = 0; tears < tearsWanted; round++) {
  for (let id = 0; id < count; id++) writer.write(RECORD.event, id, bytes, 0, bytes.length)
  try {
    script.runInThisContext({ timeout: 1 + (round % 3) })
  } catch {
    tears += 1
  }
  const before = taken.length
  reader.drain(handler)
  const at = taken.findIndex((id, index) => id !== index)
  if (at >= 0 || taken.length !== count) console.log(taken.length + ' records, torn at ' + before + ', wrong at ' + at)
  taken = []
}
console.log('done')
`

test('an interrupted drain takes every record once', async () => {
  // Optimized code has fewer places where a script can end, and a program that has just started has none of it.
  const nodeOptions = ['--import', 'tsx', '--no-opt', '--no-sparkplug']
  const run = await runScript(SCRIPT, { nodeOptions, args: [String(TEARS)], timeoutMs: 60_000 })
  expect(run).toMatchObject({ stdout: 'done\n', stderr: '', status: 0 })
}, 70_000)
