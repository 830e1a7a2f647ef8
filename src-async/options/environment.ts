/**
 * The environment of the program: variables, home directory, user. Only this file asks the system for them. All others
 * get them as arguments, so that tests can pass other values. Source of truth: PostgreSQL manual, "Environment
 * Variables".
 */
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { KEYWORDS, type Layer, refuseEmpty } from './keywords.ts'

export type Variables = Readonly<Record<string, string | undefined>>

/** The part of the system that options depend on. */
export interface Environment {
  readonly variables: Variables
  readonly platform: NodeJS.Platform
}

export function currentEnvironment(variables: Variables = process.env): Environment {
  return { variables, platform: process.platform }
}

/** The PG variables as keywords. An empty variable counts as unset, or is refused if libpq refuses it. */
export function environmentLayer({ variables }: Environment): Layer {
  const values = new Map<string, string>()
  for (const [keyword, variable] of KEYWORDS) {
    const value = variable === null ? undefined : variables[variable]
    if (value === '') refuseEmpty(keyword, variable as string)
    if (value !== undefined && value !== '') values.set(keyword, value)
  }
  return { source: 'the environment', values }
}

/** Server settings that libpq reads from variables and for which it has no keyword. */
export function environmentSettings({ variables }: Environment): Record<string, string> {
  const settings: Record<string, string> = {}
  const table = { PGTZ: 'TimeZone', PGDATESTYLE: 'DateStyle', PGGEQO: 'geqo' }
  for (const [variable, setting] of Object.entries(table)) {
    const value = variables[variable]
    if (value !== undefined && value !== '') settings[setting] = value
  }
  return settings
}

/** Name of the operating system's user, or null where the user has none (some containers). */
export function systemUser(): string | null {
  try {
    return userInfo().username || null
  } catch {
    return null
  }
}

/** The user's home directory, or null. */
function homeDirectory({ variables }: Environment): string | null {
  const fromVariable = variables['HOME']
  if (fromVariable !== undefined && fromVariable !== '') return fromVariable
  try {
    return homedir() || null
  } catch {
    return null
  }
}

/** The path of one of the user's files for PostgreSQL. Windows has them all in one directory, so the names differ. */
function userFile(environment: Environment, unixName: string, windowsName: string): string | null {
  if (environment.platform === 'win32') {
    const applicationData = environment.variables['APPDATA']
    return applicationData ? join(applicationData, 'postgresql', windowsName) : null
  }
  const home = homeDirectory(environment)
  return home === null ? null : join(home, unixName)
}

export function defaultPassfile(environment: Environment): string | null {
  return userFile(environment, '.pgpass', 'pgpass.conf')
}

export function defaultServiceFile(environment: Environment): string | null {
  return userFile(environment, '.pg_service.conf', '.pg_service.conf')
}

/** `~/.postgresql/<name>`: root.crt, root.crl, postgresql.crt, postgresql.key. */
export function defaultTlsFile(environment: Environment, name: string): string | null {
  return userFile(environment, join('.postgresql', name), name)
}
