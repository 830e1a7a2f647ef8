/** Which of Node's options the worker gets, from the environment and from the command line. */
import { expect, test } from 'vitest'

import { workerOptions } from '../../../worker/caller/worker-options.ts'

const nodeOptions = (text: string | undefined, needsHooks = false): string | undefined =>
  workerOptions(text === undefined ? {} : { NODE_OPTIONS: text }, [], needsHooks).env['NODE_OPTIONS']

test.each([
  [undefined, ''],
  ['', ''],
  ['--title=x --max-old-space-size=100 --expose-gc --inspect=0', ''],
  ['--import ./hook.mjs --require=./hook.cjs -r hook --loader hook --experimental-loader=hook', ''],
  ['--dns-result-order=ipv4first --title=x', '--dns-result-order=ipv4first'],
  ['--dns-result-order ipv4first --import ./hook.mjs', '--dns-result-order ipv4first'],
  ['--dns_result_order=ipv4first', '--dns_result_order=ipv4first'],
  [
    '--no-network-family-autoselection --tls-min-v1.3 --no-warnings',
    '--no-network-family-autoselection --tls-min-v1.3 --no-warnings',
  ],
  ['--tls-keylog="/a folder/\\"keys\\""', '"--tls-keylog=/a folder/\\"keys\\""'],
  // The value of an option that is left out is left out too, even if it looks like an option.
  ['--import --no-warnings', ''],
  ['--dns-result-order', '--dns-result-order'],
])('NODE_OPTIONS %j gives the worker %j', (given, passed) => {
  expect(nodeOptions(given)).toBe(passed)
})

test('module hooks are passed on if packages cannot be found without them', () => {
  const text = '--require /project/.pnp.cjs --experimental-loader file:///project/.pnp.loader.mjs'
  expect(nodeOptions(`${text} --title=x`, true)).toBe(text)
})

test('options of the command line are passed on by the same rule, and other variables stay unchanged', () => {
  const execArgv = ['--import', 'tsx', '--dns-result-order', 'ipv4first', '--title=x', '--input-type=module']
  const { env, execArgv: passed } = workerOptions({ PATH: '/bin', NODE_OPTIONS: '' }, execArgv, false)
  expect(passed).toEqual(['--dns-result-order', 'ipv4first'])
  expect(env).toEqual({ PATH: '/bin', NODE_OPTIONS: '' })
})

test.each([
  ['--use-system-ca', [], '1'],
  ['', ['--use-system-ca'], '1'],
  ['--use-openssl-ca', [], undefined],
])(
  'NODE_OPTIONS %j and the command line %j: authorities of the system are trusted in the worker: %j',
  (text, execArgv, value) => {
    expect(workerOptions({ NODE_OPTIONS: text }, execArgv, false).env['NODE_USE_SYSTEM_CA']).toBe(value)
  },
)
