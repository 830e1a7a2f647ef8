/** Measures how long a program takes to its end, or to its prompt. */
import { spawn } from 'node:child_process'

const TIMEOUT_MS = 60_000

/** @returns `{ elapsedMs, output }`. @throws Error with the program's first error message */
export function runToEnd(command, words, env = {}) {
  return new Promise((resolve, reject) => {
    const startedAtMs = performance.now()
    const child = spawn(command, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      env: { ...process.env, ...env },
    })
    let output = ''
    let complaint = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (complaint += text))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const elapsedMs = performance.now() - startedAtMs
      if (code === 0) return resolve({ elapsedMs, output })
      const lines = complaint.split('\n')
      reject(new Error(lines.find((line) => line.includes('Error')) ?? (lines[0] || `it ended with ${code ?? signal}`)))
    })
  })
}

/**
 * Runs a program in a terminal, by the program `script`, until it has shown a prompt, and then types `\q`.
 * @returns `{ elapsedMs }`, the time until the prompt
 */
export function runToPrompt(command, words, { env = {}, prompt }) {
  return new Promise((resolve, reject) => {
    const startedAtMs = performance.now()
    const line = [command, ...words].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    const child = spawn('script', ['-qfec', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: TIMEOUT_MS,
      env: { ...process.env, TERM: 'xterm', ...env },
    })
    let screen = ''
    let elapsedMs = null
    child.stdin.on('error', () => {})
    child.stdout.on('data', (text) => {
      screen += text
      if (elapsedMs !== null || !prompt.test(screen)) return
      elapsedMs = performance.now() - startedAtMs
      child.stdin.write('\\q\r')
    })
    child.on('error', reject)
    child.on('close', () => {
      if (elapsedMs === null) reject(new Error(`no prompt: ${screen.slice(-200)}`))
      else resolve({ elapsedMs })
    })
  })
}
