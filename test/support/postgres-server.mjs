/**
 * The server harness for plain scripts (benchmarks, the smoke test), which Node 20 could not import from TypeScript:
 * bundles `postgres-server.ts` in memory and passes its exports on.
 */
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

const source = new URL('postgres-server.ts', import.meta.url)
const bundled = await build({
  entryPoints: [fileURLToPath(source)],
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
  // All files of the harness are in this folder, so one `import.meta.url` is right for all of them.
  define: { 'import.meta.url': JSON.stringify(source.href) },
})
const code = Buffer.from(bundled.outputFiles[0].contents).toString('base64')
const harness = await import(`data:text/javascript;base64,${code}`)

/** See `startServer` in postgres-server.ts. */
export const startServer = harness.startServer
/** See `serverDsn` in postgres-server.ts. */
export const serverDsn = harness.serverDsn
