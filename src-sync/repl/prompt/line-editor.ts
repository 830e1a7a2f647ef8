/**
 * Edits the text at the prompt, with the keys of readline that psql's users know: text of one or several lines, the history by
 * whole statements, Ctrl-R, completion, and pasted text that waits for Enter. It does not know the terminal: it gets keys, and
 * writes the characters for the screen.
 */
import type { Completion } from './completion.ts'
import { HistorySearch } from './history-search.ts'
import { inColumns, layOut } from './line-layout.ts'

/** A key in the form of `readline.emitKeypressEvents`. */
export interface Key {
  readonly name?: string | undefined
  readonly sequence?: string | undefined
  readonly ctrl?: boolean | undefined
  readonly meta?: boolean | undefined
}

export interface EditorInit {
  /** Earlier statements, the oldest first. */
  readonly history: readonly string[]
  readonly complete: (before: string) => Completion
  readonly write: (text: string) => void
  readonly columns: () => number
  readonly rows: () => number
  /** Whether more keys are waiting; then the screen is drawn only after the last of them. */
  readonly hasMore?: () => boolean
  /** Called for Enter, with the text unchanged. */
  readonly onText: (text: string) => void
  /** Called for Ctrl-C. */
  readonly onInterrupt: () => void
  /** Called for Ctrl-D in an empty text. */
  readonly onEnd: () => void
  /** Called for Ctrl-Z. */
  readonly onSuspend: () => void
}

/** A longer list of candidates is shown only after a question. */
const MANY = 100
const WORD_BEFORE = /[\p{L}\p{N}_]*[^\p{L}\p{N}_]*$/u
const WORD_AFTER = /^[^\p{L}\p{N}_]*[\p{L}\p{N}_]*/u
const MOST_UNDO = 200
/** Keys that mean no, as in readline: also Ctrl-C, Ctrl-G, Enter and Backspace. */
const NO = new Set(['n', '\u0003', '\u0007', '\r', '\n', '\u007f'])

export class LineEditor {
  readonly #init: EditorInit
  #history: string[]
  #prompt = ''
  #text = ''
  #cursor = 0
  /** The number of steps back in the history; 0 is the new text. */
  #back = 0
  /** The new text, while the history is shown. */
  #draft = ''
  #killed = ''
  #undo: { text: string; cursor: number }[] = []
  #search: HistorySearch | null = null
  #pasted: string | null = null
  /** The candidates to list when the user answers yes. */
  #offered: readonly string[] | null = null
  #lastKey = ''
  /** Whether the screen does not yet show the current text. */
  #isStale = false
  /** The number of rows on the screen from the first row of the text to the cursor. */
  #rowsAbove = 0
  #shown: {
    readonly rows: readonly { readonly width: number }[]
    readonly row: number
    readonly column: number
  } | null = null

  constructor(init: EditorInit) {
    this.#init = init
    this.#history = [...init.history]
  }

  get text(): string {
    return this.#text
  }

  /** Starts with an empty text. */
  start(prompt: string): void {
    this.#prompt = prompt
    this.#set('', 0)
    this.#back = 0
    this.#undo = []
    this.#rowsAbove = 0
    this.show()
  }

  /** Adds a statement to the history; if it is there already, it moves to the end. */
  remember(text: string): void {
    this.#history = this.#history.filter((each) => each !== text)
    this.#history.push(text)
  }

  /** Draws the text at the cursor's row, after other output. */
  show(): void {
    this.#rowsAbove = 0
    this.#draw()
  }

  /** Draws the text if that was postponed while more keys were waiting. */
  settle(): void {
    if (this.#isStale) this.#draw()
  }

  /** Removes the text from the screen, so that other output can take its place. */
  hide(): void {
    this.#init.write(`${up(this.#rowsAbove)}\r\u001b[J`)
    this.#rowsAbove = 0
  }

  /** The width of the screen has changed, and the terminal has wrapped the rows again. */
  resized(): void {
    const shown = this.#shown
    const columns = this.#init.columns()
    if (shown === null) return
    const wrapped = (width: number): number => Math.max(1, Math.ceil(width / columns))
    const above = shown.rows.slice(0, shown.row).reduce((sum, { width }) => sum + wrapped(width), 0)
    this.#rowsAbove = above + Math.floor(shown.column / columns)
    this.#draw()
  }

  key(text: string | undefined, key: Key): void {
    const name = nameOf(key)
    if (this.#pasted !== null) return this.#paste(text, name, key)
    if (name === 'paste-start') {
      this.#pasted = ''
      return
    }
    if (this.#offered !== null) return this.#answer(text ?? '')
    if (this.#search !== null && this.#searchKey(text, name)) return
    const action = ACTIONS[name]
    if (action !== undefined) action(this)
    else if (text !== undefined && key.ctrl !== true && key.meta !== true && text >= ' ') this.insert(text)
    this.#lastKey = name
  }

  insert(text: string): void {
    this.#change(this.#text.slice(0, this.#cursor) + text + this.#text.slice(this.#cursor), this.#cursor + text.length)
  }

  /** Ends the line on the screen and passes the text on. */
  accept(): void {
    this.#finish()
    this.#init.onText(this.#text)
  }

  interrupt(): void {
    this.#finish('^C')
    this.#init.onInterrupt()
  }

  deleteOrEnd(): void {
    if (this.#text !== '') return this.deleteTo(this.#after(1))
    this.#init.onEnd()
  }

  suspend(): void {
    this.#finish()
    this.#init.onSuspend()
  }

  moveTo(cursor: number): void {
    this.#cursor = cursor
    this.#draw()
  }

  left = (): void => this.moveTo(this.#before(1))
  right = (): void => this.moveTo(this.#after(1))
  wordLeft = (): void => this.moveTo(this.#cursor - WORD_BEFORE.exec(this.#text.slice(0, this.#cursor))![0].length)
  wordRight = (): void => this.moveTo(this.#cursor + WORD_AFTER.exec(this.#text.slice(this.#cursor))![0].length)
  lineStart = (): void => this.moveTo(this.#text.lastIndexOf('\n', this.#cursor - 1) + 1)
  lineEnd = (): void => this.moveTo(this.#lineEnd())
  backspace = (): void => this.deleteTo(this.#before(1))
  deleteAfter = (): void => this.deleteTo(this.#after(1))
  killLine = (): void => this.#kill(this.#lineEnd() === this.#cursor ? this.#after(1) : this.#lineEnd())
  killStart = (): void => this.#kill(this.#text.lastIndexOf('\n', this.#cursor - 1) + 1)
  killWordBefore = (): void => this.#kill(this.#cursor - WORD_BEFORE.exec(this.#text.slice(0, this.#cursor))![0].length)
  killWordAfter = (): void => this.#kill(this.#cursor + WORD_AFTER.exec(this.#text.slice(this.#cursor))![0].length)
  killBlankWord = (): void => this.#kill(this.#cursor - /\S*\s*$/.exec(this.#text.slice(0, this.#cursor))![0].length)
  yank = (): void => this.insert(this.#killed)

  /** Deletes the text between the cursor and another place. */
  deleteTo(place: number): void {
    const [start, end] = place < this.#cursor ? [place, this.#cursor] : [this.#cursor, place]
    if (start === end) return
    this.#change(this.#text.slice(0, start) + this.#text.slice(end), start)
  }

  /** Swaps the two characters beside the cursor. */
  transpose(): void {
    const middle = this.#cursor === this.#text.length ? this.#before(1) : this.#cursor
    const start = this.#before(1, middle)
    const end = this.#after(1, middle)
    if (start === middle || end === middle) return
    const swapped = this.#text.slice(middle, end) + this.#text.slice(start, middle)
    this.#change(this.#text.slice(0, start) + swapped + this.#text.slice(end), end)
  }

  undo(): void {
    const before = this.#undo.pop()
    if (before === undefined) return
    this.#set(before.text, before.cursor)
    this.#draw()
  }

  /** @param step 1 for an older entry, -1 for a newer one */
  recall(step: number): void {
    const back = this.#back + step
    if (back < 0 || back > this.#history.length) return
    if (this.#back === 0) this.#draft = this.#text
    this.#back = back
    const text = back === 0 ? this.#draft : this.#history.at(-back)!
    this.#set(text, text.length)
    this.#draw()
  }

  recallEnd(isOldest: boolean): void {
    this.recall((isOldest ? this.#history.length : 0) - this.#back)
  }

  clearScreen(): void {
    this.#init.write('\u001b[H\u001b[2J')
    this.show()
  }

  beginSearch(): void {
    this.#search = new HistorySearch(this.#history, this.#text, this.#cursor)
    this.#draw()
  }

  complete(): void {
    const [candidates, typed] = this.#init.complete(this.#text.slice(0, this.#cursor))
    if (candidates.length === 0) return
    const common = commonStart(candidates)
    // Text typed in another case is replaced by the candidate's spelling.
    if (common.length > typed.length || (candidates.length === 1 && common !== typed)) {
      const start = this.#cursor - typed.length
      return this.#change(this.#text.slice(0, start) + common + this.#text.slice(this.#cursor), start + common.length)
    }
    if (this.#lastKey !== 'tab' || candidates.length === 1) return
    this.#offered = candidates
    if (candidates.length <= MANY) return this.#answer('y')
    this.#moveToEnd()
    this.#init.write(`\nDisplay all ${candidates.length} possibilities? (y or n) `)
  }

  #answer(text: string): void {
    const names = this.#offered!
    const isYes = /^[y ]$/i.test(text)
    if (!isYes && !NO.has(text.toLowerCase())) return
    this.#offered = null
    if (names.length <= MANY) this.#moveToEnd()
    this.#init.write('\n')
    if (isYes) this.#init.write(inColumns(names, this.#init.columns()))
    this.show()
  }

  #paste(text: string | undefined, name: string, { sequence = '' }: Key): void {
    if (name === 'paste-end') {
      const pasted = this.#pasted!.replace(/\r\n?/g, '\n')
      this.#pasted = null
      this.#search = null
      return this.insert(pasted)
    }
    // A paste contains only text, so other keys (escape sequences) are dropped.
    if (text !== undefined || !sequence.startsWith('\u001b')) this.#pasted += text ?? sequence
  }

  /** @returns whether the key belongs to the search; any other key ends the search and does its usual work. */
  #searchKey(text: string | undefined, name: string): boolean {
    const search = this.#search!
    if (name === 'ctrl-r') search.again(-1)
    else if (name === 'ctrl-s') search.again(1)
    else if (name === 'backspace' || name === 'ctrl-h') search.shorten()
    else if (text !== undefined && text >= ' ' && text !== '\u007f' && !name.startsWith('meta-')) search.extend(text)
    else {
      this.#search = null
      const { text: found, cursor } = name === 'ctrl-g' || name === 'ctrl-c' ? search.before : search.found
      this.#set(found, cursor)
      this.#back = 0
      this.#draw()
      return name === 'ctrl-g' || name === 'escape' || name === 'ctrl-c'
    }
    this.#draw()
    return true
  }

  #kill(place: number): void {
    const [start, end] = place < this.#cursor ? [place, this.#cursor] : [this.#cursor, place]
    if (start !== end) this.#killed = this.#text.slice(start, end)
    this.deleteTo(place)
  }

  #change(text: string, cursor: number): void {
    this.#undo.push({ text: this.#text, cursor: this.#cursor })
    if (this.#undo.length > MOST_UNDO) this.#undo.shift()
    this.#set(text, cursor)
    this.#isStale = this.#init.hasMore?.() === true
    if (!this.#isStale) this.#draw()
  }

  #set(text: string, cursor: number): void {
    this.#text = text
    this.#cursor = cursor
  }

  #before(count: number, from = this.#cursor): number {
    const characters = [...this.#text.slice(0, from)]
    return from - characters.slice(-count).join('').length
  }

  #after(count: number, from = this.#cursor): number {
    return from + [...this.#text.slice(from, from + 2 * count)].slice(0, count).join('').length
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#cursor)
    return end < 0 ? this.#text.length : end
  }

  #finish(mark = ''): void {
    this.#search = null
    this.#moveToEnd()
    this.#init.write(`${mark}\n`)
    this.#rowsAbove = 0
    this.#shown = null
  }

  #moveToEnd(): void {
    this.#cursor = this.#text.length
    this.#draw()
  }

  #draw(): void {
    this.#isStale = false
    const search = this.#search
    const prompt = search === null ? this.#prompt : search.prompt
    const { text, cursor } = search === null ? { text: this.#text, cursor: this.#cursor } : search.found
    const layout = layOut(prompt, text, cursor, this.#init.columns())
    // When the text is taller than the screen, only the rows around the cursor are drawn: rows that have scrolled off
    // the top cannot be changed.
    const height = Math.max(1, this.#init.rows())
    const first = Math.max(0, Math.min(layout.cursorRow - height + 1 + SHOWN_BELOW, layout.rows.length - height))
    const rows = layout.rows.slice(first, first + height)
    const row = layout.cursorRow - first
    const right = layout.cursorColumn === 0 ? '' : `\u001b[${layout.cursorColumn}C`
    const drawn = rows.map(({ text: shown }) => shown).join('\r\n')
    this.#init.write(`${up(this.#rowsAbove)}\r\u001b[J${drawn}${up(rows.length - 1 - row)}\r${right}`)
    this.#rowsAbove = row
    this.#shown = { rows, row, column: layout.cursorColumn }
  }
}

/** The number of rows below the cursor that stay visible when the text is taller than the screen. */
const SHOWN_BELOW = 2

const ACTIONS: Readonly<Record<string, (editor: LineEditor) => void>> = {
  return: (editor) => editor.accept(),
  enter: (editor) => editor.accept(),
  tab: (editor) => editor.complete(),
  backspace: (editor) => editor.backspace(),
  'ctrl-h': (editor) => editor.backspace(),
  delete: (editor) => editor.deleteAfter(),
  'ctrl-d': (editor) => editor.deleteOrEnd(),
  'ctrl-c': (editor) => editor.interrupt(),
  'ctrl-z': (editor) => editor.suspend(),
  'ctrl-l': (editor) => editor.clearScreen(),
  'ctrl-r': (editor) => editor.beginSearch(),
  left: (editor) => editor.left(),
  'ctrl-b': (editor) => editor.left(),
  right: (editor) => editor.right(),
  'ctrl-f': (editor) => editor.right(),
  'ctrl-left': (editor) => editor.wordLeft(),
  'meta-b': (editor) => editor.wordLeft(),
  'meta-left': (editor) => editor.wordLeft(),
  'ctrl-right': (editor) => editor.wordRight(),
  'meta-f': (editor) => editor.wordRight(),
  'meta-right': (editor) => editor.wordRight(),
  home: (editor) => editor.lineStart(),
  'ctrl-a': (editor) => editor.lineStart(),
  end: (editor) => editor.lineEnd(),
  'ctrl-e': (editor) => editor.lineEnd(),
  up: (editor) => editor.recall(1),
  'ctrl-p': (editor) => editor.recall(1),
  down: (editor) => editor.recall(-1),
  'ctrl-n': (editor) => editor.recall(-1),
  'meta-<': (editor) => editor.recallEnd(true),
  'meta->': (editor) => editor.recallEnd(false),
  'ctrl-k': (editor) => editor.killLine(),
  'ctrl-u': (editor) => editor.killStart(),
  'ctrl-w': (editor) => editor.killBlankWord(),
  'meta-backspace': (editor) => editor.killWordBefore(),
  'meta-d': (editor) => editor.killWordAfter(),
  'ctrl-y': (editor) => editor.yank(),
  'ctrl-t': (editor) => editor.transpose(),
  'ctrl-_': (editor) => editor.undo(),
}

/** The name of a key, such as `ctrl-a`, `meta-b` or `left`. */
function nameOf({ name, sequence = '', ctrl = false, meta = false }: Key): string {
  if (sequence === '\u001f') return 'ctrl-_'
  const plain = name ?? (meta ? sequence.slice(1) : sequence)
  return `${ctrl ? 'ctrl-' : ''}${meta && plain !== 'escape' ? 'meta-' : ''}${plain}`
}

function up(rows: number): string {
  return rows > 0 ? `\u001b[${rows}A` : ''
}

/** The longest common beginning of the names. */
function commonStart(names: readonly string[]): string {
  let common = names[0] ?? ''
  for (const name of names) while (!name.startsWith(common)) common = common.slice(0, -1)
  return common
}
