/** The command line without a prompt: the behaviour that scripts written for psql rely on. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { type CliOptions, type CliRun, runCli, runShell, startCli } from '../../support/run-cli.ts'
import { askServer, freshDatabase, sharedServer } from '../../support/shared-server.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncpg-batch-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const cli = (words: readonly string[], options: CliOptions = {}): Promise<CliRun> =>
  runCli(words, { server: sharedServer(), cwd: folder, ...options })

function script(text: string, name = 'script.sql'): string {
  writeFileSync(join(folder, name), text)
  return name
}

/** Scripts that need no process of their own. One process reads them all, with `-q`, `--csv` and two variables. */
const SCRIPTS = {
  variables: `select :n, :'v', ':v', $$:v$$, /* :v */ 1::text as :"v", (array[5,6,7])[:n:3]; -- :v\n`,
  semicolon: `\\set w '\\'; drop table x; --'\nselect :'w' as w;\n`,
  copy: 'create temp table copied (a int, b text);\ncopy copied from stdin;\n1\tone;\n2\t\\N\n\\.\nselect * from copied;\n',
  failingCopy: "create temp table failed (a int);\ncopy failed from stdin;\nx\n\\.\nselect 'on' as still;\n",
  bind: `create temp table bound (a int, b text);
insert into bound values ($1, $2) \\bind 42 'it''s' \\g
select a + $1 as a, b from bound \\bind 1
;
select count(*) from bound;
`,
  wrongBind: 'select 1 \\bind 1 \\g\nselect $1::int \\bind x \\g\n',
  rule: `create temp table ruled (a int);
create rule r as on insert to ruled do also (select 1 as x; select 2 as y);
insert into ruled values (1);
`,
  restricted: '\\restrict key\nselect 1 as one;\n\\! touch pwned\n\\unrestrict key\n\\echo back\n',
} as const

let scripts: CliRun
beforeAll(async () => {
  const input = Object.entries(SCRIPTS).map(([name, text]) => `\\echo script ${name}\n\\warn script ${name}\n${text}`)
  const words = ['-q', '--csv', '-v', 'n=2', '-v', "v=it's"]
  scripts = await runCli(words, { server: sharedServer(), input: input.join(''), cwd: tmpdir() })
})

/** The output of one of them. */
function printed(name: keyof typeof SCRIPTS): { readonly stdout: string; readonly stderr: string } {
  const part = (stream: string): string => {
    const [, text] = stream.split(`script ${name}\n`)
    if (text === undefined) throw new Error(`it never came to this script; it ended:\n${scripts.stderr.slice(-500)}`)
    return text.split(/^script /m)[0] ?? ''
  }
  return { stdout: part(scripts.stdout), stderr: part(scripts.stderr) }
}

describe('exit status', () => {
  test.each([
    ['0 when all is done', ['-c', 'select 1'], '', 0],
    ['1 when a text of -c fails', ['-c', 'selec'], '', 1],
    ['that of the last -c, as psql has it', ['-c', 'selec', '-c', 'select 1'], '', 0],
    ['1 at the first failing -c with ON_ERROR_STOP', ['-v', 'ON_ERROR_STOP=1', '-c', 'selec', '-c', 'select 1'], '', 1],
    ['0 when a script goes on after an error', [], 'selec; select 1;', 0],
    ['3 when ON_ERROR_STOP ends a script', ['-v', 'ON_ERROR_STOP=1'], 'selec; select 1;', 3],
    ['2 when there is no server', ['-p', '1', '-c', 'select 1'], '', 2],
    ['2 when the connection is lost', ['-c', 'select pg_terminate_backend(pg_backend_pid())'], '', 2],
    ['1 when a script is not there', ['-f', 'nowhere.sql'], '', 1],
    ['1 for an unknown option', ['--nosuch'], '', 1],
  ] as const)('is %s', async (_claim, words, input, status) => {
    expect((await cli(words, { input })).status).toBe(status)
  })
})

test('-tA prints nothing but the value', async () => {
  expect(await cli(['-tAc', "select 'bare'"])).toEqual({ status: 0, stdout: 'bare\n', stderr: '' })
})

test('a connection string may be an argument, together with other options', async () => {
  const { stdout } = await runCli([sharedServer().dsn(), '-tA', '-c', 'select current_database()'])
  expect(stdout).toBe('postgres\n')
})

test('results before an error are printed, and the error goes to standard error', async () => {
  const { stdout, stderr } = await cli(['-tA', '-c', 'select 1; select 2 / 0; select 3'])
  expect([stdout, stderr]).toEqual(['1\n', 'ERROR:  division by zero\n'])
})

test("an error in a script names the file and the line of the server's position", async () => {
  script('select 1;\n\n-- why\nselect 2,\n  nowhere\nfrom pg_class;\n')
  const { stderr } = await cli(['-q', '-f', 'script.sql'])
  expect(stderr).toBe('syncpg:script.sql:5: ERROR:  column "nowhere" does not exist\nLINE 2:   nowhere\n          ^\n')
})

test('notices go to standard error, with their line in the script', async () => {
  script("\n do $$ begin raise notice 'heard'; end $$;")
  const { stdout, stderr } = await cli(['-f', 'script.sql'])
  expect([stdout, stderr]).toEqual(['DO\n', 'syncpg:script.sql:2: NOTICE:  heard\n'])
})

describe('one transaction', () => {
  test('is rolled back by an error, and the program says so', async () => {
    const database = await freshDatabase()
    script('create table t (a int);\ninsert into t values (1);\nselec;\ninsert into t values (2);\n')
    const { status, stderr } = await cli(['-1', '-f', 'script.sql'], { database })
    expect([status, stderr.split('\n')[0]]).toEqual([3, 'syncpg:script.sql:3: ERROR:  syntax error at or near "selec"'])
    expect(await askServer(sharedServer(), "select to_regclass('t') as t", [], database)).toEqual([{ t: null }])
  })

  test('whose commit is refused fails', async () => {
    const statements =
      'create temp table t (a int unique deferrable initially deferred); insert into t values (1), (1);'
    const { status, stderr } = await cli(['-1', '-c', statements])
    expect([status, stderr.split('\n')[0]]).toEqual([
      1,
      'ERROR:  duplicate key value violates unique constraint "t_a_key"',
    ])
  })

  test('contains all texts of several -c', async () => {
    const { stdout } = await cli(['-1', '-tA', '-c', 'select txid_current()', '-c', 'select txid_current()'])
    const [first, second] = stdout.split('\n')
    expect(first).toBe(second)
  })
})

describe('variables', () => {
  test('are inserted as text, as a literal or as a name, and never inside quotes and comments', () => {
    const { stdout, stderr } = printed('variables')
    expect(stderr).toBe('')
    expect(stdout).toBe('?column?,?column?,?column?,?column?,it\'s,array\n2,it\'s,:v,:v,1,"{6,7}"\n')
  })

  test('that contain a semicolon cannot end a quoted statement', () => {
    expect(printed('semicolon')).toEqual({ stdout: "w\n'; drop table x; --\n", stderr: '' })
  })
})

describe('COPY', () => {
  test('takes its data from the script', () => {
    expect(printed('copy')).toEqual({ stdout: 'a,b\n1,one;\n2,\n', stderr: '' })
  })

  test('takes its data from the standard input with -c', async () => {
    const words = [
      '-q',
      '-c',
      'create temp table t (a int)',
      '-c',
      'copy t from stdin',
      '-tA',
      '-c',
      'select sum(a) from t',
    ]
    const { stdout } = await cli(words, { input: '1\n2\n39\n' })
    expect(stdout).toBe('42\n')
  })

  test('of many rows is sent in pieces, and lines after it are counted', async () => {
    const rows = Array.from({ length: 50_000 }, (_, index) => `${index}\trow number ${index}\n`).join('')
    script(
      `create temp table t (a int, b text);\ncopy t from stdin;\n${rows}\\.\nselect count(*), max(a) from t;\nselec;\n`,
    )
    const { stdout, stderr } = await cli(['-q', '-tA', '-f', 'script.sql'])
    expect(stdout).toBe('50000|49999\n')
    expect(stderr.split('\n')[0]).toBe('syncpg:script.sql:50005: ERROR:  syntax error at or near "selec"')
  })

  test('that fails does not change how the rest of the script is read', () => {
    const { stdout, stderr } = printed('failingCopy')
    expect(stdout).toBe('still\non\n')
    expect(stderr).toContain('invalid input syntax for type integer: "x"')
  })

  test('writes a file with \\copy, also of a query with FROM', async () => {
    const words = [
      "\\copy (select 1, 'x,y') to 'out.csv' csv",
      "\\copy (select 'a to b' from (values (1)) as v (from_it)) TO out.txt",
    ]
    await cli(words.flatMap((text) => ['-c', text]))
    expect(readFileSync(join(folder, 'out.csv'), 'utf8')).toBe('1,"x,y"\n')
    expect(readFileSync(join(folder, 'out.txt'), 'utf8')).toBe('a to b\n')
  })
})

describe('a connection that cannot be opened', () => {
  test('ends a script at \\c, because the rest is for another database', async () => {
    expect(await cli([], { input: '\\c nosuch\nselect 1;\n' })).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^syncpg:<stdin>:1: error: \\connect: connection to server .* failed: FATAL: {2}database "nosuch" does not exist\n$/,
      ),
    })
    expect(await cli(['-c', '\\c a=b c', '-c', 'select 1'])).toMatchObject({ status: 2, stdout: '' })
  })

  test('without a server has a hint how to name one, if the embedded one is not installed', async () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url))
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true, filter: (path) => !path.includes('types') })
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(join(root, 'node_modules/synckit'), join(folder, 'node_modules/synckit'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const command = `env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE ${process.execPath} dist/cli.js -X -c 'select 1'`
    const { status, stderr } = await runShell(command, { cwd: folder })
    expect(status).toBe(2)
    expect(stderr).toMatch(/npm install @electric-sql\/pglite\n[^]*npx syncpg postgres:\/\/user@host\/database\n$/)
  })

  test('has a message for each place that was tried', async () => {
    const { stderr } = await runCli(['host=127.0.0.1,127.0.0.1,localhost port=1,2,3 user=x', '-c', 'select 1'])
    expect(stderr).toMatch(
      /^syncpg: error: connection to server at "127.0.0.1", port 1 failed: .*\n.*port 2 .*\n.*port 3 /,
    )
  })
})

describe('formats for programs', () => {
  const values =
    "select 1 as n, 12345678901234567890.10 as big, 'NaN'::float8 as nan, true as yes, null as no, E'a\"\\n' as t, '{\"k\": 1.0}'::jsonb as j, array[[1,2],[3,null]] as a, array['x,\"y'] as s, 1 as n"

  test('--json keeps digits, nests json and arrays, and loses no column; without rows it is an empty array', async () => {
    const { stdout } = await cli(['--json', '-c', values, '-c', 'select 1 where false'])
    const [rows = '', nothing] = stdout.split(/(?<=\n)/)
    expect(rows).toBe(
      '[{"n": 1, "big": 12345678901234567890.10, "nan": "NaN", "yes": true, "no": null, "t": "a\\"\\n", ' +
        '"j": {"k": 1.0}, "a": [[1, 2], [3, null]], "s": ["x,\\"y"], "n_2": 1}]\n',
    )
    expect(() => JSON.parse(rows) as unknown).not.toThrow()
    expect(nothing).toBe('[]\n')
  })

  test('--json prints a line for each result and nothing else; messages go to standard error', async () => {
    script(`create temp table t (a int);
insert into t values (1), (2) returning a;
copy t from stdin;
3
\\.
\\timing on
\\x on
table t;
\\conninfo
listen zebra;
notify zebra;
select 1 as one, 2 as two \\; select 'b' as b;
`)
    const { stdout, stderr } = await cli(['--json', '-a', '-f', 'script.sql'])
    const results = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(results).toEqual([[{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: 2 }, { a: 3 }], [{ one: 1, two: 2 }], [{ b: 'b' }]])
    for (const word of [
      'CREATE TABLE',
      'INSERT 0 2',
      'COPY 1',
      'Timing is on.',
      'Time: ',
      'You are connected',
      'notification "zebra"',
    ])
      expect(stderr).toContain(word)
  })

  test('--json prints one document for one statement, and none for a statement without rows', async () => {
    const statement = 'select g from generate_series(1, 3) g'
    const [rows, none] = await Promise.all([
      cli(['--json', '-c', statement]),
      cli(['--json', '-c', 'create temp table t ()']),
    ])
    expect([JSON.parse(rows.stdout), rows.stderr]).toEqual([[{ g: 1 }, { g: 2 }, { g: 3 }], ''])
    expect([none.stdout, none.stderr]).toEqual(['', 'CREATE TABLE\n'])
  })

  test('--ndjson is a line for each row', async () => {
    const { stdout } = await cli([
      '--ndjson',
      '-c',
      "select g, json_build_object('a', g) as j from generate_series(1, 2) g",
    ])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { g: 1, j: { a: 1 } },
      { g: 2, j: { a: 2 } },
    ])
  })

  test('--markdown is a table, and no value can break it', async () => {
    const { stdout } = await cli(['--markdown', '-c', "select 1 as n, E'a|b\\nc' as t"])
    expect(stdout).toBe('| n | t |\n| ---: | --- |\n| 1 | a\\|b<br>c |\n')
  })
})

describe('a command in a pipeline of the shell', () => {
  test('ends without a message when its reader closes the pipe', async () => {
    const { stdout, stderr } = await runShell("$SYNCPG -tAc 'select generate_series(1, 1000000)' | head -n 2", {
      server: sharedServer(),
    })
    expect([stdout, stderr]).toEqual(['1\n2\n', ''])
  })

  test('writes all output before it ends', async () => {
    const { stdout } = await runShell("$SYNCPG -tAc 'select generate_series(1, 300000)' | tail -n 1", {
      server: sharedServer(),
    })
    expect(stdout).toBe('300000\n')
  })

  test('reports a full disk as an error', async () => {
    const { stderr, status } = await runShell('$SYNCPG -c "select 1" >/dev/full', { server: sharedServer() })
    expect([stderr, status]).toEqual(['syncpg: error: could not write the results: No space left on device\n', 1])
  })

  test('runs a statement as soon as it has arrived, and not when the input ends', async () => {
    // The second statement is written only after the first has answered.
    const command = `coproc P { $SYNCPG -qtA; }; echo 'select 41 + 1;' >&"\${P[1]}"; read -r answer <&"\${P[0]}"; echo "got $answer"; exec {P[1]}>&-`
    const { stdout } = await runShell(command, { server: sharedServer() })
    expect(stdout).toBe('got 42\n')
  })

  test.each([
    ['-c', 1],
    ['-f', 3],
  ])(
    'is ended by Ctrl-C with all later actions, and the running statement is cancelled (%s)',
    async (option, expected) => {
      const statement = `select pg_sleep(60) /* ${process.pid} */${option === '-f' ? ';' : ''}`
      const first = option === '-c' ? ['-c', statement] : ['-f', '-']
      const words = [...first, '-c', "select 'not reached'"]
      const { child, ended } = startCli(words, { server: sharedServer(), input: statement })
      const running = (): Promise<object[]> =>
        askServer(sharedServer(), 'select 1 from pg_stat_activity where query = $1', [statement])
      await expect.poll(running, { timeout: 10_000 }).toHaveLength(1)
      // In its first moments a wait is not armed for Ctrl-C.
      await new Promise((resolve) => setTimeout(resolve, 300))
      child.kill('SIGINT')
      const { status, stdout, stderr } = await ended
      expect([status, stdout]).toEqual([expected, ''])
      expect(stderr).toContain('ERROR:  canceling statement due to user request\n')
      expect(await running()).toHaveLength(0)
    },
  )
})

describe('\\bind', () => {
  test('gives the values of the next statement alone, as the server reads quoted literals', () => {
    expect(printed('bind')).toEqual({ stdout: "a,b\n43,it's\ncount\n1\n", stderr: '' })
  })

  test('refuses a wrong number of values, and values that do not fit their types', () => {
    const { stderr } = printed('wrongBind')
    expect(stderr).toContain('\\bind gave 1 parameters, but the statement requires 0')
    expect(stderr).toContain('invalid input syntax for type integer: "x"')
  })
})

test('-E shows the catalog queries of \\d', async () => {
  const { stdout } = await cli(['-E', '-c', '\\dn'])
  expect(stdout).toMatch(/^\*{9} QUERY \*{10}\nselect n\.nspname as "Name"[^]*\n\*{26}\n\n +List of schemas\n/)
})

test('\\prompt in a script reads the standard input', async () => {
  script("\\prompt 'who? ' name\n\\echo hello :name\n")
  expect(await cli(['-f', 'script.sql'], { input: 'Ada\n' })).toMatchObject({ stdout: 'hello Ada\n', stderr: 'who? ' })
})

test('pg_dump’s scripts may restrict commands', () => {
  const { stdout, stderr } = printed('restricted')
  expect(stdout).toBe('one\n1\nback\n')
  expect(stderr).toContain('backslash commands are restricted')
})

test('-o writes results to a file', async () => {
  await cli(['-o', 'result.txt', '-tA', '-c', 'select 7'])
  expect(readFileSync(join(folder, 'result.txt'), 'utf8')).toBe('7\n')
})

test('each query of a rule prints a table', () => {
  expect(printed('rule')).toEqual({ stdout: 'x\n1\ny\n2\n', stderr: '' })
})

test('a script that is not UTF-8 is refused, not misread', async () => {
  writeFileSync(join(folder, 'latin.sql'), Buffer.from("select 'caf\xe9';\n", 'latin1'))
  const { status, stderr } = await cli(['-f', 'latin.sql'])
  expect([status, stderr]).toEqual([
    1,
    'syncpg: error: latin.sql: not UTF-8 after line 1; convert it, with iconv for example\n',
  ])
})
