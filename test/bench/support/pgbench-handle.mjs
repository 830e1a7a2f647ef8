/**
 * pgbench as a peer, to compare with C. It runs a prepared statement on one connection, and prints its transactions
 * per second without the time to connect. It does not print its memory and processor time.
 */
import { spawn, spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { libpqEnvironment } from './node-script.mjs'

const TIMEOUT_MS = 60_000

export class PgbenchPeer {
  #script = join(tmpdir(), `syncpg-bench-${process.pid}.sql`)
  #target
  #task

  ask(message) {
    if (message.name === 'open') return this.#open(message)
    return message.name === 'round' ? this.#round() : this.#close()
  }

  kill() {
    rmSync(this.#script, { force: true })
  }

  async #open({ task, target }) {
    if (task?.kind !== 'one') return { lacks: ['part in it'] }
    const { stdout, error } = spawnSync('pgbench', ['--version'], { encoding: 'utf8' })
    if (error !== undefined) throw new Error('it is not installed (Debian: postgresql-contrib)')
    this.#target = target
    this.#task = task
    writeFileSync(this.#script, `${task.sql};\n`)
    return { lacks: [], version: /pgbench \(PostgreSQL\) \S+/.exec(stdout)[0].replace(' (PostgreSQL)', '') }
  }

  async #round() {
    const { host, port, user, database } = this.#target
    const { queries } = this.#task
    const where = ['-h', host, '-p', String(port), '-U', user]
    const words = ['-n', '-M', 'prepared', '-c', '1', '-t', String(queries), '-f', this.#script, ...where, database]
    const report = await this.#run(words)
    const done = /actually processed: (\d+)\/(\d+)/.exec(report)
    const perSecond = /tps = ([\d.]+) \(without initial connection time\)/.exec(report)
    if (done === null || perSecond === null) throw new Error(`its report is not understood: ${report.slice(0, 200)}`)
    const elapsedMs = (queries / Number(perSecond[1])) * 1000
    return { elapsedMs, cpuMs: null, checked: { mean: Number(done[1]) / queries }, kinds: null }
  }

  #run(words) {
    const env = { ...process.env, ...libpqEnvironment(this.#target) }
    return new Promise((resolve, reject) => {
      const child = spawn('pgbench', words, { env, timeout: TIMEOUT_MS, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      let complaint = ''
      child.stdout.on('data', (text) => (output += text))
      child.stderr.on('data', (text) => (complaint += text))
      child.on('error', reject)
      child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(complaint))))
    })
  }

  async #close() {
    return { peakRssMb: null }
  }
}
