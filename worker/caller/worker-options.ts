/**
 * Chooses which of the program's Node options the worker gets. The worker is one CommonJS file that opens sockets, so it gets
 * the options about DNS, TLS and warnings. It does not get `--import`, `--require` and `--loader`: their modules would run a
 * second time. It cannot get options of the whole process, such as `--title`: Node refuses them for a thread.
 *
 * Options of V8 (`--max-old-space-size`) and `--inspect` hold for all threads of the process anyway.
 */

/** The options for `new Worker`. */
export interface WorkerOptions {
  readonly env: NodeJS.ProcessEnv
  readonly execArgv: string[]
}

const PASSED_ON = new Set([
  '--dns-result-order',
  '--network-family-autoselection',
  '--no-network-family-autoselection',
  '--enable-network-family-autoselection',
  '--network-family-autoselection-attempt-timeout',
  '--tls-min-v1.0',
  '--tls-min-v1.1',
  '--tls-min-v1.2',
  '--tls-min-v1.3',
  '--tls-max-v1.2',
  '--tls-max-v1.3',
  '--tls-keylog',
  '--trace-tls',
  '--no-addons',
  '--no-warnings',
  '--no-deprecation',
  '--disable-warning',
  '--trace-warnings',
  '--trace-deprecation',
])

/** Yarn's Plug'n'Play finds packages through hooks, so the worker needs them there. */
const HOOKS = new Set(['--require', '-r', '--import', '--loader', '--experimental-loader'])

const WITH_VALUE = new Set([
  '--dns-result-order',
  '--network-family-autoselection-attempt-timeout',
  '--tls-keylog',
  '--disable-warning',
  ...HOOKS,
])

/**
 * @param environment the program's `process.env`
 * @param execArgv the program's `process.execArgv`
 * @param needsHooks whether the program runs under Plug'n'Play
 */
export function workerOptions(
  environment: NodeJS.ProcessEnv,
  execArgv: readonly string[],
  needsHooks: boolean,
): WorkerOptions {
  const given = splitNodeOptions(environment['NODE_OPTIONS'] ?? '')
  const env: NodeJS.ProcessEnv = { ...environment, NODE_OPTIONS: joinNodeOptions(passedOn(given, needsHooks)) }
  // Before Node 24 the option holds for the whole process. Since Node 24 each thread has its own, which this variable sets.
  if ([...given, ...execArgv].some((word) => nameOf(word) === '--use-system-ca')) env['NODE_USE_SYSTEM_CA'] = '1'
  return { env, execArgv: passedOn(execArgv, needsHooks) }
}

function passedOn(words: readonly string[], needsHooks: boolean): string[] {
  const kept: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    const name = nameOf(word)
    const takesNext = WITH_VALUE.has(name) && !word.includes('=') && index + 1 < words.length
    if (takesNext) index += 1
    if (!PASSED_ON.has(name) && !(needsHooks && HOOKS.has(name))) continue
    kept.push(word)
    if (takesNext) kept.push(words[index]!)
  }
  return kept
}

/** The name of an option. Node accepts `--dns_result_order` for `--dns-result-order`. */
function nameOf(word: string): string {
  const [name = ''] = word.split('=', 1)
  return name.startsWith('--') ? name.replaceAll('_', '-') : name
}

/** Splits `NODE_OPTIONS` by Node's rules: at spaces outside of double quotes, in which `\` protects the next letter. */
function splitNodeOptions(text: string): string[] {
  const words = text.match(/(?:"(?:\\[^]|[^"\\])*"|[^ "])+/g) ?? []
  return words.map((word) =>
    word.replace(/"((?:\\[^]|[^"\\])*)"/g, (_, quoted: string) => quoted.replace(/\\([^])/g, '$1')),
  )
}

function joinNodeOptions(words: readonly string[]): string {
  return words.map((word) => (/[ "]/.test(word) ? `"${word.replace(/["\\]/g, '\\$&')}"` : word)).join(' ')
}
