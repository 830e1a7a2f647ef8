// A small time tracker over node:sqlite, as such programs are written: a schema with a version, prepared statements, a
// transaction helper, an import that meets bad lines, and a report. What became of it is in after.mjs.
import { DatabaseSync } from 'node:sqlite'

const db = new DatabaseSync(process.argv[2] ?? ':memory:')
db.exec('PRAGMA journal_mode = WAL')
db.exec('PRAGMA foreign_keys = ON')

// ---------------------------------------------------------------- schema

const MIGRATIONS = [
  `
  CREATE TABLE client (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    hourly_rate REAL NOT NULL CHECK (hourly_rate >= 0),
    is_archived INTEGER NOT NULL DEFAULT 0,
    settings TEXT NOT NULL DEFAULT '{}',
    logo BLOB,
    created_at TEXT NOT NULL DEFAULT (datetime('now'))
  );
  CREATE TABLE project (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    UNIQUE (client_id, title)
  );
  CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES project (id),
    day TEXT NOT NULL,
    minutes INTEGER NOT NULL CHECK (minutes > 0),
    note TEXT
  );
  CREATE INDEX entry_by_day ON entry (day);
  `,
  `
  CREATE TABLE tag (name TEXT PRIMARY KEY);
  CREATE TABLE entry_tag (
    entry_id INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    tag TEXT NOT NULL REFERENCES tag (name),
    PRIMARY KEY (entry_id, tag)
  );
  ALTER TABLE entry ADD COLUMN is_billed INTEGER NOT NULL DEFAULT 0;
  `,
]

function schemaVersion() {
  return db.prepare('PRAGMA user_version').get().user_version
}

function setSchemaVersion(version) {
  db.exec(`PRAGMA user_version = ${version}`)
}

function inTransaction(work) {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function migrate() {
  for (let version = schemaVersion(); version < MIGRATIONS.length; version++) {
    inTransaction(() => {
      db.exec(MIGRATIONS[version])
      setSchemaVersion(version + 1)
    })
  }
}

migrate()

// ---------------------------------------------------------------- statements

const statements = {
  addClient: db.prepare(
    'INSERT INTO client (name, hourly_rate, settings, logo) VALUES (:name, :rate, :settings, :logo)',
  ),
  archiveClient: db.prepare('UPDATE client SET is_archived = 1 WHERE name = ?'),
  clientByName: db.prepare('SELECT * FROM client WHERE name = ?'),
  clientById: db.prepare('SELECT * FROM client WHERE id = ?'),
  findClients: db.prepare('SELECT name FROM client WHERE name LIKE ? ORDER BY name'),
  addProject: db.prepare('INSERT OR IGNORE INTO project (client_id, title) VALUES (?, ?)'),
  projectByTitle: db.prepare('SELECT id FROM project WHERE client_id = ? AND title = ?'),
  addEntry: db.prepare('INSERT INTO entry (project_id, day, minutes, note) VALUES ($projectId, $day, $minutes, $note)'),
  addTag: db.prepare('INSERT OR IGNORE INTO tag (name) VALUES (?)'),
  tagEntry: db.prepare('INSERT INTO entry_tag (entry_id, tag) VALUES (?1, ?2)'),
  bill: db.prepare('UPDATE entry SET is_billed = 1 WHERE day <= ? AND is_billed = 0'),
  unbilled: db.prepare('SELECT COUNT(*) AS n, IFNULL(SUM(minutes), 0) AS minutes FROM entry WHERE is_billed = 0'),
  deleteClient: db.prepare('DELETE FROM client WHERE id = ?'),
  everyEntry: db.prepare(`
    SELECT e.id, e.day, e.minutes, e.note, p.title, c.name AS client
      FROM entry e JOIN project p ON p.id = e.project_id JOIN client c ON c.id = p.client_id
     ORDER BY e.day, e.id`),
  perClient: db.prepare(`
    SELECT c.name, c.hourly_rate, COUNT(e.id) AS entries, SUM(e.minutes) AS minutes,
           ROUND(SUM(e.minutes) / 60.0 * c.hourly_rate, 2) AS amount, AVG(e.minutes) AS average
      FROM client c JOIN project p ON p.client_id = c.id JOIN entry e ON e.project_id = p.id
     GROUP BY c.id
     ORDER BY amount DESC`),
  perMonth: db.prepare(`
    SELECT strftime('%Y-%m', day) AS month, SUM(minutes) AS minutes, MAX(minutes) >= 240 AS has_long_day
      FROM entry
     GROUP BY strftime('%Y-%m', day)
     ORDER BY month`),
  tagsOfEntry: db.prepare(
    "SELECT group_concat(tag, ', ') AS tags FROM (SELECT tag FROM entry_tag WHERE entry_id = ? ORDER BY tag) AS t",
  ),
}

// ---------------------------------------------------------------- what the program does

function addClient({ name, rate, settings = {}, logo = null }) {
  const result = statements.addClient.run({ name, rate, settings: JSON.stringify(settings), logo })
  return Number(result.lastInsertRowid)
}

function requireProject(clientId, title) {
  statements.addProject.run(clientId, title)
  return statements.projectByTitle.get(clientId, title).id
}

function addEntry({ client, project, day, minutes, note = null, tags = [] }) {
  const found = statements.clientByName.get(client)
  if (found === undefined) throw new Error(`there is no client ${client}`)
  const projectId = requireProject(found.id, project)
  const { lastInsertRowid: entryId } = statements.addEntry.run({ projectId, day, minutes, note })
  for (const tag of tags) {
    statements.addTag.run(tag)
    statements.tagEntry.run(entryId, tag)
  }
  return entryId
}

/** Lines of `day;client;project;minutes;tags;note`; all or none of them. */
function importLines(text) {
  return inTransaction(() => {
    let count = 0
    for (const line of text.trim().split('\n')) {
      const [day, client, project, minutes, tags, note] = line.split(';').map((part) => part.trim())
      addEntry({ day, client, project, minutes, tags: tags === '' ? [] : tags.split(','), note: note || null })
      count++
    }
    return count
  })
}

function tryTo(what, work) {
  try {
    console.log(`${what}: ${work()}`)
  } catch (error) {
    if (error.errcode === 2067) console.log(`${what}: that is there already`)
    else if (error.errcode === 787) console.log(`${what}: something else still needs it`)
    else if (error.errcode === 275) console.log(`${what}: a value is out of bounds`)
    else console.log(`${what}: ${error.message}`)
  }
}

// ---------------------------------------------------------------- a year in the life

const acme = addClient({ name: 'Acme', rate: 80, settings: { currency: 'EUR', terms: 30 } })
addClient({ name: 'Initech', rate: 95.5, logo: new Uint8Array([137, 80, 78, 71]) })
addClient({ name: 'Åkerlund & Co', rate: 60 })
tryTo('adding Acme again', () => addClient({ name: 'Acme', rate: 1 }))
tryTo('a negative rate', () => addClient({ name: 'Nobody', rate: -1 }))

tryTo('import', () =>
  importLines(`
    2024-01-08; Acme; Website; 120; design; first sketches
    2024-01-09; Acme; Website; 240; design,code;
    2024-01-09; Initech; TPS reports; 45; ; cover sheets
    2024-02-01; Initech; TPS reports; 300; code; "new" cover sheets; it's a memo
    2024-02-14; Åkerlund & Co; Catalogue; 90; print,design; Größe & Preis
  `),
)
tryTo('import with a stranger', () =>
  importLines(`
    2024-02-15; Acme; Website; 60; code; is undone with the next
    2024-02-15; Umbrella; Hive; 60; ;
  `),
)
tryTo('import with nonsense', () => importLines('2024-02-16; Acme; Website; 0; ; no time at all'))
tryTo('deleting Acme', () => statements.deleteClient.run(acme).changes)

const { changes: billed } = statements.bill.run('2024-01-31')
statements.archiveClient.run('Åkerlund & Co')

// ---------------------------------------------------------------- the report

const hours = (minutes) => `${(minutes / 60).toFixed(2)} h`

console.log(
  `\nbilled ${billed} entries; open: ${statements.unbilled.get().n}, ${hours(statements.unbilled.get().minutes)}`,
)

console.log('\nby client')
for (const { name, entries, minutes, amount, average } of statements.perClient.all()) {
  const numbers = [`${entries} entries`, hours(minutes), amount.toFixed(2), `${average.toFixed(1)} min each`]
  console.log(`  ${name.padEnd(14)} ${numbers.join(', ')}`)
}

console.log('\nby month')
for (const { month, minutes, has_long_day: hasLongDay } of statements.perMonth.all()) {
  console.log(`  ${month} ${hours(minutes)}${hasLongDay === 1 ? ', with a long day' : ''}`)
}

console.log('\nentries')
for (const { id, day, minutes, note, title, client } of statements.everyEntry.iterate()) {
  const { tags } = statements.tagsOfEntry.get(id)
  console.log(`  ${day} ${String(minutes).padStart(3)} ${client}/${title}${tags ? ` [${tags}]` : ''} ${note ?? '-'}`)
}

const found = statements.clientById.get(String(acme))
console.log(`\n${found.name}: ${JSON.parse(found.settings).currency}, archived: ${found.is_archived === 1}`)
console.log(`created ${/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.test(found.created_at) ? 'at a time' : found.created_at}`)
console.log(`logo of Initech: ${[...statements.clientByName.get('Initech').logo].join(' ')}`)
console.log(
  `named like 'a%': ${statements.findClients
    .all('a%')
    .map((row) => row.name)
    .join(', ')}`,
)

db.close()
