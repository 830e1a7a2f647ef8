/**
 * A program in a real terminal: tmux runs it, presses keys and shows the screen. If tmux is missing, `hasTerminal` is
 * false and the tests are skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const hasTerminal: boolean = spawnSync('tmux', ['-V']).status === 0

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly columns?: number
  readonly rows?: number
  /** The folder the program starts in. */
  readonly cwd?: string
}

const LOOK_EVERY_MS = 30
const PATIENCE_MS = 15_000
let count = 0

export class Terminal {
  readonly #socket = `syncpg-${process.pid}-${(count += 1)}`

  /** Starts a program; its words are given to the shell quoted. The last screen stays when it has ended. */
  constructor(words: readonly string[], { env = {}, columns = 80, rows = 24, cwd }: TerminalOptions = {}) {
    const settings = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`)
    // The shell prints the exit status, because tmux sometimes misses it.
    const command = `${['env', ...settings, ...words.map(quoted)].join(' ')}; echo "[ended $?]"`
    const folder = cwd === undefined ? [] : ['-c', cwd]
    this.#tmux(
      '-f',
      '/dev/null',
      'start-server',
      ';',
      'set-option',
      '-g',
      'remain-on-exit',
      'on',
      ';',
      'set-option',
      '-g',
      'status',
      'off',
      ';',
      'new-session',
      '-d',
      '-x',
      String(columns),
      '-y',
      String(rows),
      ...folder,
      command,
    )
  }

  /** Types text, as it is. */
  type(text: string): void {
    // A semicolon at the end would end tmux's own command.
    this.#tmux('send-keys', '-l', '--', text.replace(/;$/, '\\;'))
  }

  /** Types a line and presses Enter. */
  enter(line: string): void {
    this.type(line)
    this.press('Enter')
  }

  /** Presses a key by tmux's name: `C-c`, `Tab`, `Up`. */
  press(...keys: string[]): void {
    this.#tmux('send-keys', ...keys)
  }

  /** Pastes text as terminals do, in one piece, in brackets where the program has asked for them. */
  paste(text: string, { brackets = true } = {}): void {
    this.#tmux('set-buffer', '--', text)
    this.#tmux('paste-buffer', '-r', ...(brackets ? ['-p'] : []))
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** The screen's lines, without blanks at their ends. */
  screen(): string {
    return this.#tmux('capture-pane', '-p').trimEnd()
  }

  /** Everything since the start. */
  everything(): string {
    return this.#tmux('capture-pane', '-p', '-S', '-').trimEnd()
  }

  /** Waits until the screen shows it. @returns the screen. */
  async shows(wanted: string | RegExp, patienceMs = PATIENCE_MS): Promise<string> {
    const deadlineMs = performance.now() + patienceMs
    for (;;) {
      const screen = this.screen()
      if (typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen)) return screen
      if (performance.now() > deadlineMs)
        throw new Error(`the terminal never showed ${String(wanted)}; it shows\n${screen}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }

  /** Waits until the program has ended. @returns its exit status. */
  async ends(): Promise<number> {
    const screen = await this.shows(/^\[ended \d+\]$/m)
    return Number(/^\[ended (\d+)\]$/m.exec(screen)?.[1])
  }

  /** Keeps the screen as a picture, when `SYNCPG_SCREENS` names a folder for it. */
  keep(name: string): void {
    const folder = process.env['SYNCPG_SCREENS']
    if (folder === undefined) return
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${name}.svg`), picture(this.screen()))
  }

  close(): void {
    spawnSync('tmux', ['-L', this.#socket, 'kill-server'])
  }

  #tmux(...words: string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, '-u', ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

const LINE_HEIGHT = 17
const CHARACTER_WIDTH = 8.4

/** The screen as an SVG of its text. */
function picture(screen: string): string {
  const lines = screen.split('\n')
  const width = Math.max(60, ...lines.map((line) => line.length)) * CHARACTER_WIDTH + 24
  const height = lines.length * LINE_HEIGHT + 24
  const escaped = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const texts = lines.map(
    (line, index) => `<text x="12" y="${24 + index * LINE_HEIGHT}" xml:space="preserve">${escaped(line)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${Math.ceil(width)}" height="${height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">
<rect width="100%" height="100%" rx="6" fill="#1e2127"/>
<g fill="#d7dae0">
${texts.join('\n')}
</g>
</svg>
`
}
