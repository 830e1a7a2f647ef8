// better-auth: its own migrations, sign-up, two sign-ins and a sign-out, wrong passwords, one address used twice.
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'

import { kyselyDialect } from './via.mjs'

const options = {
  database: { dialect: await kyselyDialect(), type: 'postgres' },
  baseURL: 'http://localhost:3000',
  secret: 'a secret that is long enough for this program',
  emailAndPassword: { enabled: true },
  logger: { disabled: true },
}
const migrations = await getMigrations(options)
console.log(migrations.toBeCreated.map(({ table }) => table).toSorted())
await migrations.runMigrations()
console.log((await getMigrations(options)).toBeCreated)

const { api } = betterAuth(options)
const person = { email: 'ada@example.com', password: 'an engine of words', name: 'Ada' }
const { user } = await api.signUpEmail({ body: person })
console.log(user.name, user.email, user.emailVerified, user.createdAt instanceof Date)
await api.signUpEmail({ body: person }).catch((error) => console.log(error.body?.code))
await api.signInEmail({ body: { ...person, password: 'wrong words' } }).catch((error) => console.log(error.body?.code))

const signedIn = await api.signInEmail({ body: person, returnHeaders: true })
const headers = new Headers({
  cookie: signedIn.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; '),
})
const session = await api.getSession({ headers })
console.log(session.user.name, session.session.expiresAt > new Date())
console.log((await api.listSessions({ headers })).length)
await api.updateUser({ headers, body: { name: 'Ada L.' } })
console.log((await api.getSession({ headers, query: { disableCookieCache: true } })).user.name)
console.log(await api.signOut({ headers }), await api.getSession({ headers }))
process.exit(0)
