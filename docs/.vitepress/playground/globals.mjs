/** What the driver takes from Node's globals, for browsers. esbuild puts these names in where they are used. */
// oxlint-disable-next-line unicorn/prefer-node-protocol -- the package of that name, for browsers.
import { Buffer } from 'buffer'

// Node's Buffer has a reader for each encoding; the package has them under another name.
for (const [name, encoding] of [
  ['utf8', 'utf8'],
  ['latin1', 'latin1'],
  ['ascii', 'latin1'],
  ['hex', 'hex'],
  ['ucs2', 'utf16le'],
]) {
  Buffer.prototype[`${name}Slice`] ??= function slice(start, end) {
    return this.toString(encoding, start, end)
  }
  Buffer.prototype[`${name}Write`] ??= function write(text, start, length) {
    return this.write(text, start, length, encoding)
  }
}

const process = {
  env: {},
  pid: 1,
  platform: 'browser',
  version: 'v20.0.0',
  versions: { node: '20.0.0' },
  emitWarning: (text) => console.warn(text),
  nextTick: (call, ...values) => queueMicrotask(() => call(...values)),
  getBuiltinModule: () => undefined,
}

const setImmediate = (call, ...values) => globalThis.setTimeout(call, 0, ...values)
const clearImmediate = (timer) => globalThis.clearTimeout(timer)

/** A timer of a browser is a number; Node's can be told not to keep the process. */
class Timer extends Number {
  ref() {
    return this
  }

  unref() {
    return this
  }

  hasRef() {
    return true
  }
}

const setTimeout = (call, milliseconds, ...values) => new Timer(globalThis.setTimeout(call, milliseconds, ...values))
const setInterval = (call, milliseconds, ...values) => new Timer(globalThis.setInterval(call, milliseconds, ...values))
const clearTimeout = (timer) => globalThis.clearTimeout(timer?.valueOf())
const clearInterval = (timer) => globalThis.clearInterval(timer?.valueOf())

export { Buffer, clearImmediate, clearInterval, clearTimeout, process, setImmediate, setInterval, setTimeout }
