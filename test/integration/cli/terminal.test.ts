/** The prompt in a real terminal: the tests press keys and read the screen. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'

import { askServer, freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { Terminal, hasTerminal } from '../../support/terminal.ts'
import { QUICK_WASM } from '../../support/quick-wasm.ts'

const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

if (!hasTerminal)
  process.stderr.write('tmux is missing: the prompt is not tested in a terminal (apt-get install tmux)\n')

describe.skipIf(!hasTerminal)('at the prompt', () => {
  let folder: string
  let terminal: Terminal | null = null

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'syncpg-cli-'))
  })
  afterEach(() => {
    terminal?.close()
    terminal = null
    rmSync(folder, { recursive: true, force: true })
  })

  const history = (): string => join(folder, 'history')

  async function open(
    options: { database?: string; env?: Record<string, string>; columns?: number; rows?: number } = {},
  ): Promise<Terminal> {
    const { host, port, user, password, database } = sharedServer()
    const { columns = 90, rows = 30 } = options
    const env = {
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGPASSWORD: password,
      PGDATABASE: options.database ?? database,
      SYNCPG_HISTORY: history(),
      PAGER: '',
      LC_ALL: 'C.UTF-8',
      HOME: folder,
      ...options.env,
    }
    terminal = new Terminal([process.execPath, cli, '-X'], { env, columns, rows })
    await terminal.shows(/=# $|=#$/m)
    return terminal
  }

  test('a statement over several lines runs at its semicolon, and the prompt shows what is open', async () => {
    const it = await open()
    it.enter('select 1 as one,')
    await it.shows('postgres-#')
    it.enter("  'two")
    await it.shows("postgres'#")
    it.enter("lines' as two;")
    const screen = await it.shows('(1 row)')
    expect(screen).toContain(' one |  two\n-----+-------\n   1 | two  +\n     | lines')
  })

  test('the prompt follows the transaction: open, failed, over', async () => {
    const it = await open()
    it.enter('begin;')
    await it.shows('postgres=*#')
    it.enter('select * from nowhere;')
    const screen = await it.shows('postgres=!#')
    expect(screen).toContain(
      'ERROR:  relation "nowhere" does not exist\nLINE 1: select * from nowhere;\n                      ^\nSQLSTATE: 42P01',
    )
    it.keep('transaction')
    it.enter('rollback;')
    await it.shows(/ROLLBACK\npostgres=#/)
  })

  test('Ctrl-C cancels the statement, and the session goes on', async () => {
    const it = await open()
    it.enter('select pg_sleep(60);')
    const asked = sharedServer()
    await expect
      .poll(() => askServer(asked, "select 1 from pg_stat_activity where query = 'select pg_sleep(60);'"), {
        timeout: 10_000,
      })
      .toHaveLength(1)
    // In its first moments a wait is not armed for Ctrl-C.
    await new Promise((resolve) => setTimeout(resolve, 300))
    it.press('C-c')
    await it.shows('canceling statement due to user request')
    it.enter("select 'alive' as it;")
    await it.shows(/ alive\n\(1 row\)/)
    it.keep('cancel')
  })

  test('Ctrl-C at the prompt drops the line and the statement before it; Ctrl-D ends the session', async () => {
    const it = await open()
    it.enter('select 1,')
    it.type('2, nonsense')
    it.press('C-c')
    await it.shows('^C')
    it.enter('select 42 as answer;')
    await it.shows(/ {5}42\n\(1 row\)/)
    it.press('C-d')
    expect(await it.ends()).toBe(0)
  })

  test('Tab completes relations, columns, keywords and commands from the catalog', async () => {
    const database = await freshDatabase()
    await askServer(sharedServer(), 'create table giraffe (id int, neck_length numeric)', [], database)
    const it = await open({ database })
    it.type('SEL')
    it.press('Tab')
    await it.shows(/# SELECT$/m)
    it.type('* from gira')
    it.press('Tab')
    await it.shows('* from giraffe')
    it.type('where nec')
    it.press('Tab')
    await it.shows('where neck_length')
    it.type('> 1;')
    it.press('Enter')
    await it.shows('(0 rows)')
    it.type('\\cop')
    it.press('Tab')
    await it.shows(/# \\copy$/m)
  })

  test('Tab knows a schema with other capitals than A to Z, and an alias with them', async () => {
    const database = await freshDatabase()
    await askServer(sharedServer(), 'create schema WÖRTER create table giraffe (neck_length int)', [], database)
    const it = await open({ database })
    it.type('select * from WÖRTER.gira')
    it.press('Tab')
    await it.shows('from WÖRTER.giraffe')
    it.type('as Ö where Ö.nec')
    it.press('Tab')
    await it.shows('where Ö.neck_length')
  })

  test('a table taller than the screen is shown by the pager', async () => {
    const it = await open({ env: { PAGER: 'less' }, rows: 12 })
    it.enter('select generate_series(1, 50) as n;')
    const screen = await it.shows(/^:$/m)
    expect(screen).toContain(' n\n----\n  1\n  2')
    it.press('q')
    await it.shows(/=#$/m)
  })

  test('wide and combining characters keep the columns straight', async () => {
    const it = await open()
    it.enter("select '漢字' as 漢, 'ü' as u, 'e\u0301' as c, '👍' as t, 'x' as x;")
    const screen = await it.shows('(1 row)')
    const lines = screen.split('\n')
    const at = lines.findIndex((line) => line.startsWith('------'))
    expect(lines.slice(at - 1, at + 2)).toEqual([
      '  漢  | u | c | t  | x',
      '------+---+---+----+---',
      ' 漢字 | ü | e\u0301 | 👍 | x',
    ])
    it.keep('unicode')
  })

  test('a table wider than the screen is shown expanded; a wider screen shows it as a table', async () => {
    const it = await open({ columns: 40 })
    const statement = "select repeat('a', 30) as a, repeat('b', 30) as b;"
    it.enter(statement)
    await it.shows('-[ RECORD 1 ]')
    it.resize(100, 30)
    it.press('C-l')
    it.enter(statement)
    await it.shows(/^ a{30} \| b{30}$/m)
  })

  test('JavaScript has the connection, the tag and the variables', async () => {
    const it = await open()
    it.enter("> con.fetchval('select 6 * 7')")
    await it.shows(/^.*42/m)
    it.enter('> [1, 2,')
    await it.shows('...')
    it.enter('3].length')
    await it.shows(/^3$/m)
    it.enter("select 'Ada' as name, 36 as age \\gset")
    it.enter('> vars.name + vars.age')
    await it.shows("'Ada36'")
    it.enter('> con.execute(sql`select ${vars.name}::text as who`)')
    await it.shows(/ who\s*\n-----\n Ada\n\(1 row\)/)
    it.keep('javascript')
  })

  test('the history is kept without secrets, and the arrow key brings it back', async () => {
    const it = await open()
    it.enter("select 'remember me';")
    await it.shows('(1 row)')
    it.enter("create role no_such_role_x password 'hunter2' nonsense;")
    await it.shows('unrecognized role option')
    it.press('Up')
    await it.shows(/# select 'remember me';$/m)
    it.press('C-c')
    it.press('C-d')
    await it.ends()
    expect(readFileSync(history(), 'utf8')).toBe("select 'remember me';\n")
  })

  test('notices and notifications are shown, a notification while nothing is typed', async () => {
    const it = await open()
    it.enter("do $$ begin raise notice 'look'; end $$;")
    await it.shows('NOTICE:  look')
    it.enter('listen zebra;')
    await it.shows('LISTEN')
    await askServer(sharedServer(), "notify zebra, 'stripes'")
    await it.shows(/notification "zebra" with payload "stripes" received/)
  })

  test('only the first rows of a large result are shown, and a message says so', async () => {
    const it = await open()
    it.enter('select generate_series(1, 3000);')
    await it.shows('(3000 rows, the first 1000 shown)')
  })

  test('a file or a program gets all rows, and the screen says when rows are left out, in every format', async () => {
    const it = await open()
    const rows = 'select generate_series(1, 3000) as n'
    it.enter(`${rows} \\g '${join(folder, 'g')}'`)
    it.enter(`${rows} \\g (format=csv) '${join(folder, 'csv')}'`)
    it.enter(`${rows} \\g (format=json) | wc -l >'${join(folder, 'piped')}'`)
    it.enter(`\\o '${join(folder, 'o')}'`)
    it.enter(`${rows};`)
    it.enter('\\o')
    for (const settings of ['format=csv', 'format=json', 'tuples_only=on', 'footer=off']) {
      it.enter('\\! clear')
      it.enter(`${rows} \\g (${settings})`)
      await it.shows(/^\(3000 rows, the first 1000 shown; \\pset row_limit 0 shows all\)$/m)
    }
    const lines = (name: string): string[] => readFileSync(join(folder, name), 'utf8').trim().split('\n')
    expect(lines('g').slice(-2)).toEqual([' 3000', '(3000 rows)'])
    expect(lines('csv')).toHaveLength(3001)
    expect(lines('piped')).toEqual(['3000'])
    expect(lines('o')).toHaveLength(3003)
  })

  test('no text of the server can send control sequences to the screen: values, names, notices, errors, data, notifications', async () => {
    const database = await freshDatabase()
    await askServer(sharedServer(), 'create table "odd\u001b[2J" ("c\u001b]0;x\u0007" int)', [], database)
    const it = await open({ database, columns: 120 })
    it.enter("do $$ begin raise notice '%', E'n\\x1b[2J\\u009b2J'; end $$;")
    it.enter("do $$ begin raise exception '%', E'e\\x1b[2J' using detail = E'd\\x07\\x1b[2J'; end $$;")
    for (const format of ['aligned', 'unaligned', 'csv', 'json', 'html'])
      it.enter(`select E'${format[0]}\\x1b[2J' as v \\g (format=${format})`)
    it.enter("copy (select E'copied\\x1b[2J') to stdout;")
    it.enter('\\d odd*')
    it.enter('listen zebra;')
    await it.shows('LISTEN')
    await askServer(sharedServer(), "select pg_notify('zebra', E'p\\x1b[2J')", [], database)
    const screen = await it.shows('received')
    for (const text of [
      'NOTICE:  n\\x1B[2J\\u009B2J',
      'ERROR:  e\\x1B[2J',
      'DETAIL:  d\\x07\\x1B[2J',
      ...['a', 'u', 'c', 'h'].map((letter) => `${letter}\\x1B[2J`),
      '"j\\u001b[2J"',
      'copied\\x1B[2J',
      'Table "public.odd\\x1B[2J"',
      'c\\x1B]0;x\\x07',
      'payload "p\\x1B[2J"',
    ])
      expect(it.everything()).toContain(text)
    expect(screen).toContain('received from server process')
  })

  test('history recalls whole statements, of several lines too, and keeps them for the next session', async () => {
    const it = await open()
    it.enter('select 1 as a,')
    it.enter("  'two' as b;")
    await it.shows('(1 row)')
    it.enter('select 3 as c;')
    await it.shows(/ 3\n\(1 row\)/)
    it.press('Up', 'Up')
    await it.shows(/# select 1 as a,\n {2}'two' as b;$/)
    it.press('BSpace')
    it.enter(", 'three' as c;")
    await it.shows(' 1 | two | three')
    it.press('C-d')
    await it.ends()
    it.close()
    const again = await open()
    again.press('Up', 'Up', 'Up')
    await again.shows(/# select 1 as a,\n {2}'two' as b;$/)
  })

  test('Ctrl-R searches the history while the text to look for is typed', async () => {
    const it = await open()
    for (const word of ['giraffe', 'zebra', 'lion']) it.enter(`select '${word}' as animal;`)
    await it.shows(/ lion\n\(1 row\)/)
    it.enter('\\! clear')
    // While a program runs, the terminal handles the key.
    await it.shows(/^\S*=#$/)
    it.press('C-r')
    it.type('raff')
    await it.shows(/^\(reverse-i-search\)`raff': select 'giraffe' as animal;$/m)
    it.keep('search')
    it.press('Enter')
    await it.shows(/ giraffe\n\(1 row\)/)
    it.press('C-r')
    it.type('animal')
    it.press('C-r')
    await it.shows(/`animal': select 'lion'/)
    it.press('C-g')
    await it.shows(/=#$/)
  })

  test('pasted text waits for Enter, then runs as it was written', async () => {
    const it = await open()
    it.paste("select 1 as one;\nselect\t'two'\n  as two;\n")
    await it.shows('  as two;')
    expect(it.screen()).not.toContain('(1 row)')
    it.press('Enter')
    await it.shows(/ one\n-+\n {3}1\n\(1 row\)\n+ two\n-+\n two\n\(1 row\)/)
  })

  test.each([true, false])(
    'pasted data of a COPY is data, also of one that is refused (in brackets: %s)',
    async (brackets) => {
      const it = await open()
      it.enter('create temp table victim (a int);')
      await it.shows('CREATE TABLE')
      it.paste(
        'copy victim from stdin;\n1\n2\n\\.\nselect sum(a) as total from victim;\n' +
          'copy missing from stdin;\ndrop table victim;\n\\.\nselect count(*) as kept from victim;\n',
        { brackets },
      )
      if (brackets) it.press('Enter')
      await it.shows(/ kept\n-+\n {4}2\n\(1 row\)/)
      expect(it.everything()).toMatch(/ total\n-+\n {5}3\n/)
      expect(it.everything()).not.toContain('DROP TABLE')
    },
  )

  test('exit, quit and help do the same as in psql', async () => {
    const it = await open()
    it.enter('help')
    await it.shows('\\? for help')
    it.enter('select')
    it.enter('quit')
    await it.shows('Use \\q to quit.')
    it.enter("'")
    it.enter('exit')
    await it.shows('Use control-D to quit.')
    it.press('C-c')
    it.enter('exit')
    expect(await it.ends()).toBe(0)
  })

  test('a text that is longer than a row is edited over several rows, also when the size of the screen changes', async () => {
    const it = await open({ columns: 40 })
    const long = `select '${'0123456789'.repeat(5)}' as x`
    it.type(long)
    await it.shows(/456789' as x$/)
    it.press('C-a')
    it.type('/**/')
    it.resize(60, 30)
    it.press('C-e')
    it.type(';')
    await it.shows(/as x;$/)
    it.resize(30, 30)
    it.press('C-a', 'Delete', 'Delete', 'Delete', 'Delete', 'Enter')
    await it.shows('(1 row)')
    expect(it.screen().replaceAll('\n', '')).toContain(`=# ${long};`)
  })

  test('Tab on an empty word lists fitting names, and asks before it shows many', async () => {
    const database = await freshDatabase()
    const many = Array.from({ length: 120 }, (_, index) => `create table zoo_${index} ();`).join('')
    await askServer(
      sharedServer(),
      `create table giraffe (neck int, spots text); create schema kept; create table kept.away (a int);${many}`,
      [],
      database,
    )
    const it = await open({ database, rows: 50 })
    for (const [typed, names] of [
      ['select * from giraffe where ', 'neck   spots'],
      ['update giraffe set ', 'neck   spots'],
      ['select * from giraffe order by ', 'neck   spots'],
      ['select * from giraffe ', 'WHERE'],
      ['set enable_seqscan to ', 'on       off      default'],
    ] as const) {
      it.type(typed)
      it.press('Tab', 'Tab')
      await it.shows(names)
      if (names === 'WHERE') it.keep('completion')
      it.press('C-c')
      it.enter('\\! clear')
      await it.shows(/^\S*=#$/)
    }
    it.type('select * from kept.')
    it.press('Tab')
    await it.shows('from kept.away')
    it.press('C-c')
    it.type('\\c templ')
    it.press('Tab')
    await it.shows('\\c template1')
    it.press('C-c')
    it.type('set work')
    it.press('Tab')
    await it.shows('set work_mem')
    it.press('C-c')
    it.type('select * from zoo_')
    it.press('Tab', 'Tab')
    await it.shows('Display all 120 possibilities? (y or n)')
    it.type('n')
    await it.shows(/from zoo_$/)
  })

  test('JavaScript requires, awaits and imports, and shows dates as dates', async () => {
    const it = await open()
    it.enter("> require('node:path').sep")
    await it.shows("'/'")
    it.enter("> const { basename } = await import('node:path')")
    it.enter("> basename('/a/bc')")
    await it.shows("'bc'")
    it.enter("> await new Promise((resolve) => setTimeout(resolve, 5, 'settled'))")
    await it.shows("'settled'")
    it.enter("> await Promise.reject(new TypeError('refused'))")
    await it.shows('Uncaught TypeError: refused')
    it.enter('> [con.fetchval("select date \'2026-03-04\'")]')
    await it.shows('[ 2026-03-04 ]')
    it.enter('> await new Promise(() => {})')
    await it.shows(/\{\}\)\n*$/)
    it.press('C-c')
    await it.shows('the wait was interrupted')
  })

  test('COPY takes typed lines', async () => {
    const it = await open()
    it.enter('create temp table t (a int, b text); copy t from stdin;')
    await it.shows('>>')
    it.enter('1\tone')
    it.enter('\\.')
    await it.shows('COPY 1')
    it.enter('table t;')
    await it.shows(' 1 | one')
  })

  test.each(['', '\\! true', '\\! cat /dev/null'])(
    'Ctrl-C ends a COPY that is typed, and nothing of it is kept (%s)',
    async (before) => {
      const it = await open()
      it.enter('create temp table t (a int);')
      await it.shows('CREATE TABLE')
      if (before !== '') it.enter(before)
      it.enter('copy t from stdin;')
      await it.shows('>>')
      it.enter('1')
      await it.shows(/>> 1\n>>/)
      it.type('2')
      it.press('C-c')
      await it.shows(/COPY from stdin failed: canceled by user\n+postgres=#/)
      it.enter("select 'kept', count(*) from t;")
      await it.shows(/ kept +\| +0\n/)
      it.enter('copy t from stdin;')
      await it.shows(/copy t from stdin;\n(?:[^\n]*\n)+>> *$/)
      it.enter('7')
      it.enter('\\.')
      await it.shows('COPY 1')
    },
  )

  test('a lost connection is opened again', async () => {
    const it = await open()
    it.enter('select pg_backend_pid() as pid \\gset')
    it.enter('select pg_terminate_backend(:pid);')
    await it.shows('Attempting reset: Succeeded.')
    it.enter("select 'again' as it;")
    await it.shows(/ again\n\(1 row\)/)
  })

  test('\\e edits the statement and runs the edited text', async () => {
    const it = await open({ env: { EDITOR: "sed -i 's/old/new/'" } })
    it.enter("select 'old' as word")
    it.enter('\\e')
    await it.shows("select 'new' as word")
    it.enter(';')
    await it.shows(/ new\n\(1 row\)/)
  })

  test('\\ef edits a function, which waits for its semicolon', async () => {
    const database = await freshDatabase()
    await askServer(
      sharedServer(),
      "create function word() returns text language sql as 'select ''old'''",
      [],
      database,
    )
    const it = await open({ database, env: { EDITOR: "sed -i 's/old/new/'" } })
    it.enter('\\ef word')
    await it.shows(/AS \$function\$select 'new'\$function\$\n\S*-#/)
    it.enter(';')
    await it.shows('CREATE FUNCTION')
    it.enter('select word();')
    await it.shows(/ new\n\(1 row\)/)
  })

  test('\\password shows nothing, sends no password, and the new one works', async () => {
    const role = `keyholder_${process.pid}`
    const server = sharedServer()
    await askServer(server, `create role ${role} login`)
    onTestFinished(() => askServer(server, `drop role ${role}`).then(() => {}))
    const it = await open()
    it.enter(`\\password ${role}`)
    await it.shows('Enter new password')
    it.enter('hunter 2')
    await it.shows('Enter it again')
    it.enter('hunter 2')
    const screen = await it.shows(/again:\n\S+=#$/m)
    expect(screen).not.toContain('hunter')
    const [stored] = await askServer(server, 'select rolpassword from pg_authid where rolname = $1', [role])
    expect(stored).toEqual({ rolpassword: expect.stringMatching(/^SCRAM-SHA-256\$4096:/) as string })
    expect(await askServer({ ...server, user: role, password: 'hunter 2' }, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('the prompt asks for a password, at the start and for \\c', async () => {
    const server = sharedServer()
    const role = `doorkeeper_${process.pid}`
    await askServer(server, `create role ${role} login password 'let me in'`)
    onTestFinished(() => askServer(server, `drop role ${role}`).then(() => {}))
    const { host, port, user, password } = server
    const env = {
      PGHOST: host,
      PGPORT: String(port),
      PGDATABASE: 'postgres',
      SYNCPG_HISTORY: '',
      HOME: folder,
      PAGER: '',
    }
    const it = (terminal = new Terminal(['env', '-u', 'PGPASSWORD', process.execPath, cli, '-X', '-U', user], {
      env,
      columns: 90,
    }))
    await it.shows(`Password for user ${user}:`)
    it.enter(password)
    await it.shows(/=#\s*$/)
    it.enter(`\\c - ${role}`)
    await it.shows(`Password for user ${role}:`)
    it.enter('let me in')
    await it.shows(`as user "${role}"`)
  })

  test('Ctrl-C ends \\watch', async () => {
    const it = await open()
    it.enter('select 1 as beat \\watch 0.2')
    await it.shows(/beat[^]*beat/)
    it.press('C-c')
    it.enter("select 'over' as it;")
    await it.shows(/ over\n\(1 row\)/)
  })
})

describe.skipIf(!hasTerminal)('in a shell with jobs', () => {
  let terminal: Terminal | null = null
  afterEach(() => {
    terminal?.close()
    terminal = null
  })

  /** A shell, and in it the prompt, started by another program as npx starts it. */
  async function start(): Promise<Terminal> {
    const { host, port, user, password, database } = sharedServer()
    const env = {
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGPASSWORD: password,
      PGDATABASE: database,
      SYNCPG_HISTORY: '',
      PAGER: '',
      PS1: 'shell> ',
      LC_ALL: 'C.UTF-8',
      SYNCPG: `${process.execPath} ${cli} -X`,
    }
    terminal = new Terminal(['bash', '--norc', '-i'], { env, columns: 90, rows: 30 })
    await terminal.shows('shell>')
    terminal.enter("sh -c '$SYNCPG; true'")
    await terminal.shows(/=#$/m)
    return terminal
  }

  test('Ctrl-Z stops the program and fg continues it, in the same transaction and in the text that was being typed', async () => {
    const it = await start()
    it.enter('begin;')
    it.enter('create temp table kept (a int) on commit drop;')
    await it.shows('CREATE TABLE')
    it.type("select 'half")
    it.press('C-z')
    await it.shows(/Stopped[^]*shell>$/)
    it.enter('echo in the "shell"')
    await it.shows('in the shell')
    it.enter('fg')
    await it.shows(/postgres=\*# select 'half$/)
    it.enter("' as it, count(*) from kept;")
    await it.shows(/ half \| +0\n\(1 row\)/)
  })

  test('Ctrl-Z stops the program while a statement runs, and fg shows the result', async () => {
    const it = await start()
    it.enter("select pg_sleep(1), 'awake' as it;")
    await expect
      .poll(() => askServer(sharedServer(), "select from pg_stat_activity where query like 'select pg_sleep(1), %'"), {
        timeout: 10_000,
      })
      .toHaveLength(1)
    it.press('C-z')
    await it.shows(/Stopped[^]*shell>$/)
    it.enter('fg')
    await it.shows(/ awake\n\(1 row\)/)
    it.enter("select 'alive' as it;")
    await it.shows(/ alive\n\(1 row\)/)
  })
})

describe.skipIf(!hasTerminal)('a batch in a terminal', () => {
  let folder: string
  let terminal: Terminal | null = null

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'syncpg-cli-'))
  })
  afterEach(() => {
    terminal?.close()
    terminal = null
    rmSync(folder, { recursive: true, force: true })
  })

  function run(command: string, database = sharedServer().database): Terminal {
    const { host, port, user, password } = sharedServer()
    const env = {
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGPASSWORD: password,
      PGDATABASE: database,
      SYNCPG: `${process.execPath} ${cli} -X -q`,
    }
    return (terminal = new Terminal(['bash', '-c', command], { env, columns: 90, rows: 12, cwd: folder }))
  }

  /** The text that stays on the screen, without blank lines. */
  const printed = (it: Terminal): string[] => {
    const lines = it.everything().split('\n')
    return lines.slice(0, lines.indexOf('[ended 0]')).filter((line) => line !== '')
  }

  test('a long script says where it is, until it prints something or ends', async () => {
    const database = await freshDatabase()
    // The program waits at a known place until the table exists.
    const wait =
      "do $$ begin while not exists (select from pg_class where relname = 'gate') loop perform pg_sleep(0.02); end loop; end $$;"
    writeFileSync(
      join(folder, 'long.sql'),
      `do $$ begin perform pg_sleep(0.3); end $$;\n\n${wait}\nselect 'seen' as it;\nselect 1 / 0;\n`,
    )
    const it = run('$SYNCPG -f long.sql', database)
    await it.shows(/^long\.sql:3, \d+ %, 1 statement done, \d+ s$/m)
    await askServer(sharedServer(), 'create table gate ()', [], database)
    await it.ends()
    expect(printed(it)).toEqual(['  it', '------', ' seen', '(1 row)', 'syncpg:long.sql:5: ERROR:  division by zero'])
  })

  test('a long COPY shows how much it has sent', async () => {
    const load = "$SYNCPG -c 'create temp table t (a int)' -c 'copy t from stdin' -tAc 'select max(a) from t'"
    const it = run(`(while [ ! -e enough ]; do echo 42; sleep 0.05; done) | ${load}`)
    await it.shows(/^0\.0 MB sent, 0\.0 MB\/s$/m)
    writeFileSync(join(folder, 'enough'), '')
    await it.ends()
    expect(printed(it)).toEqual(['42'])
  })
})

/** The limit is long because the program makes a database first, and the machine may be busy. */
const EMBEDDED_PATIENCE_MS = 60_000

describe.skipIf(!hasTerminal)('without a server named', () => {
  test(
    'the embedded PostgreSQL runs, and a message says so',
    async () => {
      const env = {
        PGHOST: '',
        PGPORT: '',
        PGUSER: '',
        PGPASSWORD: '',
        PGDATABASE: '',
        PGSERVICE: '',
        SYNCPG_HISTORY: '',
        LC_ALL: 'C.UTF-8',
      }
      const terminal = new Terminal([process.execPath, QUICK_WASM, cli, '-X'], { env })
      try {
        await terminal.shows('this one lives in memory', EMBEDDED_PATIENCE_MS)
        terminal.enter('create table t (a int); insert into t values (1), (2); select sum(a) from t;')
        await terminal.shows(/ {3}3\n\(1 row\)/)
        terminal.keep('embedded')
        terminal.enter('\\q')
        expect(await terminal.ends()).toBe(0)
      } finally {
        terminal.close()
      }
    },
    2 * EMBEDDED_PATIENCE_MS,
  )
})
