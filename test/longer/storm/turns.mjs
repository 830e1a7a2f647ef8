/** Turns of the event loop, and collections of garbage, on request. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
export const collectGarbage = runInNewContext('gc')
export const turn = () => new Promise(setImmediate)
