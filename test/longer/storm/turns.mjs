/** Functions that let the event loop turn and collect garbage. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
export const collectGarbage = runInNewContext('gc')
export const turn = () => new Promise(setImmediate)
