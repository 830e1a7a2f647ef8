/** The line editor: how keys change a text, and where its characters are on the screen. */
import { describe, expect, test } from 'vitest'

import { fittingAt } from '../../../src-sync/repl/prompt/completion-place.ts'
import { type Key, LineEditor } from '../../../src-sync/repl/prompt/line-editor.ts'
import { inColumns, layOut } from '../../../src-sync/repl/prompt/line-layout.ts'

interface Desk {
  readonly editor: LineEditor
  readonly accepted: string[]
  readonly events: string[]
  written: string
  press(...keys: string[]): string
}

/** Makes an editor and presses keys: `ctrl-a`, `meta-b`, `left`, `paste:text`, or text. */
function deskOf({ history = [] as string[], names = [] as string[] } = {}): Desk {
  const accepted: string[] = []
  const events: string[] = []
  const editor = new LineEditor({
    history,
    complete: (before) => {
      const typed = /\w*$/.exec(before)![0]
      return [names.filter((name) => name.startsWith(typed)), typed]
    },
    write: (text) => (desk.written += text),
    columns: () => 40,
    rows: () => 10,
    onText: (text) => accepted.push(text),
    onInterrupt: () => events.push('interrupt'),
    onEnd: () => events.push('end'),
    onSuspend: () => events.push('suspend'),
  })
  const desk: Desk = {
    editor,
    accepted,
    events,
    written: '',
    press(...keys) {
      for (const key of keys) pressKey(editor, key)
      return editor.text
    },
  }
  editor.start('=> ')
  return desk
}

const NAMED = /^(?:(ctrl|meta)-)?(left|right|up|down|home|end|delete|backspace|return|tab|escape|[a-z_<>])$/

function pressKey(editor: LineEditor, key: string): void {
  const paste = /^paste:([^]*)$/.exec(key)?.[1]
  if (paste !== undefined) {
    editor.key(undefined, { name: 'paste-start', sequence: '\u001b[200~' })
    for (const character of paste) editor.key(character, { sequence: character })
    editor.key(undefined, { name: 'paste-end', sequence: '\u001b[201~' })
    return
  }
  const [, modifier, name] = NAMED.exec(key) ?? []
  if (name !== undefined && (modifier !== undefined || name.length > 1)) {
    const made: Key = { name, sequence: '\u001b', ctrl: modifier === 'ctrl', meta: modifier === 'meta' }
    editor.key(undefined, key === 'ctrl-_' ? { sequence: '\u001f' } : made)
    return
  }
  for (const character of key) editor.key(character, { sequence: character })
}

describe('keys', () => {
  test.each([
    ['insert at the cursor', ['abc', 'left', 'left', 'X'], 'aXbc'],
    ['go to the ends', ['abc', 'ctrl-a', '1', 'ctrl-e', '2'], '1abc2'],
    ['go by words', ['select one', 'meta-b', 'X', 'meta-b', 'meta-b', 'Y', 'meta-f', 'Z'], 'YselectZ Xone'],
    ['delete characters', ['abcd', 'backspace', 'home', 'delete', 'right', 'ctrl-d'], 'b'],
    ['treat a character of two units as one', ['a👍b', 'left', 'backspace'], 'ab'],
    ['kill and yank', ['select one', 'ctrl-w', 'ctrl-y', 'ctrl-y'], 'select oneone'],
    ['kill to the ends', ['one two', 'meta-b', 'ctrl-k', 'ctrl-a', 'ctrl-y'], 'twoone '],
    ['kill words', ['a.b c', 'meta-backspace', 'meta-backspace'], 'a.'],
    ['swap characters', ['ab', 'ctrl-t'], 'ba'],
    ['undo', ['abc', 'ctrl-w', 'ctrl-_'], 'abc'],
    [
      'move within the lines of a text',
      ['paste:one\ntwo', 'ctrl-a', 'X', 'left', 'left', 'ctrl-a', 'Y', 'ctrl-k'],
      'Y\nXtwo',
    ],
    ['are ignored if they have no meaning', ['a', 'escape', 'meta-<', 'up', 'down'], 'a'],
  ])('%s', (_claim, keys, text) => {
    expect(deskOf().press(...keys)).toBe(text)
  })

  test('Enter submits the text, Ctrl-C drops it, Ctrl-D ends the input if it is empty, Ctrl-Z stops the program', () => {
    const desk = deskOf()
    desk.press('one', 'left', 'return')
    desk.editor.start('=> ')
    desk.press('two', 'ctrl-c')
    desk.editor.start('=> ')
    desk.press('ctrl-d', 'ctrl-z')
    expect([desk.accepted, desk.events]).toEqual([['one'], ['interrupt', 'end', 'suspend']])
  })
})

test('a paste of any text waits for Enter', () => {
  const desk = deskOf()
  desk.press('paste:select 1;\r\nselect 2;\r\t\u0003', 'x')
  expect([desk.accepted, desk.editor.text]).toEqual([[], 'select 1;\nselect 2;\n\t\u0003x'])
})

describe('the history', () => {
  const history = ['select 1;', 'select\n 2;', 'select 3;']

  test.each([
    ['brings back whole statements', ['up', 'up'], 'select\n 2;'],
    ['stops at the oldest statement', ['up', 'up', 'up', 'up', 'up'], 'select 1;'],
    ['keeps what was being typed', ['new', 'up', 'down'], 'new'],
    ['can be moved through to its first and last statement', ['meta-<'], 'select 1;'],
    ['is searched', ['ctrl-r', '2'], ''],
    ['passes a match to Enter and to editing keys', ['ctrl-r', '2', 'ctrl-e', '!'], 'select\n 2;!'],
    ['is searched further back', ['ctrl-r', 'sel', 'ctrl-r', 'ctrl-r', 'ctrl-e'], 'select 1;'],
    ['is searched forward again', ['ctrl-r', 'sel', 'ctrl-r', 'ctrl-r', 'ctrl-s', 'ctrl-e'], 'select\n 2;'],
    ['is left by Ctrl-G, which restores the text', ['new', 'ctrl-r', '2', 'ctrl-g'], 'new'],
    ['finds more again when the text to look for gets shorter', ['ctrl-r', '3x', 'backspace', 'ctrl-e'], 'select 3;'],
  ])('%s', (_claim, keys, text) => {
    expect(deskOf({ history }).press(...keys)).toBe(text)
  })

  test('a search shows the text to look for, and says if nothing was found', () => {
    const desk = deskOf({ history })
    desk.press('ctrl-r', '2')
    expect(desk.written).toContain("(reverse-i-search)`2': select")
    desk.press('x')
    expect(desk.written).toContain("(failed reverse-i-search)`2x': ")
  })

  test('a statement that is typed again moves to the end', () => {
    const desk = deskOf({ history })
    desk.editor.remember('select 1;')
    desk.editor.start('')
    expect([desk.press('up'), desk.press('up')]).toEqual(['select 1;', 'select 3;'])
  })
})

describe('Tab', () => {
  test.each([
    ['completes', ['giraffe '], ['sel gir', 'tab'], 'sel giraffe '],
    ['completes the part that all candidates share', ['table_one', 'table_two'], ['ta', 'tab'], 'table_'],
    ['changes nothing if there is no candidate', [], ['ta', 'tab'], 'ta'],
  ])('%s', (_claim, names, keys, text) => {
    expect(deskOf({ names }).press(...keys)).toBe(text)
  })

  test('lists the candidates when it is pressed twice', () => {
    const desk = deskOf({ names: ['one', 'oh'] })
    desk.press('o', 'tab')
    expect(desk.written).not.toContain('oh')
    desk.press('tab')
    expect(desk.written).toContain('one  oh\n')
  })

  test('asks before it lists many candidates, and takes no for an answer', () => {
    const desk = deskOf({ names: Array.from({ length: 500 }, (_, index) => `name${index}`) })
    desk.press('name', 'tab', 'tab')
    expect(desk.written).toContain('Display all 500 possibilities? (y or n) ')
    expect(desk.press('x')).toBe('name')
    desk.press('n')
    expect(desk.written).not.toContain('name1')
    desk.press('tab', 'tab', 'y')
    expect(desk.written).toContain('name1')
    expect(desk.press('!')).toBe('name!')
  })
})

describe('the screen', () => {
  const shown = (prompt: string, text: string, cursor: number, columns: number): unknown => {
    const { rows, cursorRow, cursorColumn } = layOut(prompt, text, cursor, columns)
    return [rows.map((row) => row.text), cursorRow, cursorColumn]
  }
  test.each([
    ['a line', ['=> ', 'abc', 1, 20], [['=> abc'], 0, 4]],
    ['a line that wraps', ['=> ', 'abcdef', 6, 6], [['=> abc', 'def'], 1, 3]],
    ['a full row, with the cursor below it', ['=> ', 'abc', 3, 6], [['=> abc', ''], 1, 0]],
    ['several lines', ['=> ', 'a\nbc', 2, 20], [['=> a', 'bc'], 1, 0]],
    ['wide characters, which are not cut', ['', 'a漢漢', 3, 4], [['a漢', '漢'], 1, 2]],
    ['a combining character, which takes no room', ['', 'e\u0301x', 3, 20], [['e\u0301x'], 0, 2]],
    ['a tab', ['=> ', '\tx', 1, 20], [['=>      x'], 0, 8]],
    ['control characters', ['', '\u0003\u007f', 2, 20], [['^C^?'], 0, 4]],
    ['a prompt with colours', ['\u0001\u001b[1m\u0002=> ', 'a', 1, 20], [['\u001b[1m=> a'], 0, 4]],
    ['a prompt of two lines', ['db\n=> ', 'a', 1, 20], [['db', '=> a'], 1, 4]],
  ] as const)('has %s', (_claim, [prompt, text, cursor, columns], layout) => {
    expect(shown(prompt, text, cursor, columns)).toEqual(layout)
  })

  test('lists names in columns from top to bottom', () => {
    expect(inColumns(['a', 'bb', 'ccc', 'd', 'e'], 12)).toBe('a    d\nbb   e\nccc\n')
  })
})

describe('completion', () => {
  test.each([
    ['', 'words', 'select'],
    ['select 1; ', 'words', 'insert into'],
    ['select ', 'columns', ''],
    ['select a, ', 'columns', ''],
    ['select * from ', 'relations', ''],
    ['select * from a, ', 'relations', ''],
    ['select * from a ', 'words', 'where'],
    ['select * from a where ', 'columns', ''],
    ['select * from a where b = 1 and ', 'columns', ''],
    ['select * from a where b in (select ', 'columns', ''],
    ['select * from a where b in (select c from ', 'relations', ''],
    ['select * from a order ', 'words', 'by'],
    ['select * from a order by ', 'columns', ''],
    ['select * from a order by b ', 'words', 'desc'],
    ['select * from a join b on ', 'columns', ''],
    ['insert into ', 'relations', ''],
    ['insert into a ', 'words', 'values'],
    ['insert into a (', 'columns', ''],
    ['update ', 'relations', ''],
    ['update a ', 'words', 'set'],
    ['update a set ', 'columns', ''],
    ['update a set b = 1, ', 'columns', ''],
    ['delete from ', 'relations', ''],
    ['set ', 'settings', ''],
    ['show ', 'settings', ''],
    ['set work_mem ', 'words', 'to'],
    ['set enable_seqscan to ', 'setting-values', 'enable_seqscan'],
    ['set local enable_seqscan = ', 'setting-values', 'enable_seqscan'],
    ['set role ', 'roles', ''],
    ['drop ', 'words', 'table'],
    ['drop table ', 'relations', ''],
    ['drop schema ', 'schemas', ''],
    ['alter table a ', 'words', 'add column'],
    ['alter table a drop column ', 'columns', ''],
    ['grant select on ', 'relations', ''],
    ['grant select on a to ', 'roles', ''],
    ['copy a ', 'words', 'from'],
    ["select 'from ", 'columns', ''],
  ])('after "%s"', (before, kind, example) => {
    const fitting = fittingAt(before)
    expect(fitting.kind).toBe(kind)
    if (fitting.kind === 'words') expect(fitting.words).toContain(example)
    if (fitting.kind === 'setting-values') expect(fitting.setting).toBe(example)
  })
})
