/**
 * Reads a section of a connection service file. A missing service is an error. Source of truth: PostgreSQL manual, "The
 * Connection Service File".
 */
import { clip } from '../errors/describe-value.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClientConfigurationError } from '../errors/tree.ts'
import { defaultServiceFile, type Environment } from './environment.ts'
import { addPair, KEYWORDS, keywordOf, type Layer } from './keywords.ts'
import { nearest } from './nearest.ts'

/**
 * @param path the named file, or null for the user's file and then the system's
 * @throws ClientConfigurationError when the service is in no file, or its section cannot be understood
 */
export function readService(service: string, path: string | null, environment: Environment): Layer {
  const systemDirectory = environment.variables['PGSYSCONFDIR']
  const systemFile = systemDirectory ? join(systemDirectory, 'pg_service.conf') : null
  const candidates = [path ?? defaultServiceFile(environment), systemFile].filter((file) => file !== null)
  for (const [index, file] of candidates.entries()) {
    const text = readText(file, path !== null && index === 0)
    const values = text === null ? null : parseSection(text, service, file)
    if (values !== null) return { source: `service ${JSON.stringify(clip(service))} of ${file}`, values }
  }
  const looked = candidates.map((file) => JSON.stringify(file)).join(' and ')
  throw new ClientConfigurationError(`service ${JSON.stringify(clip(service))} not found`, {
    hint:
      looked === ''
        ? 'set serviceFile or PGSERVICEFILE'
        : `looked into ${looked}; serviceFile or PGSERVICEFILE name another`,
  })
}

function readText(path: string, isAskedFor: boolean): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (!isAskedFor) return null
    throw new ClientConfigurationError(`service file ${JSON.stringify(path)} cannot be read`, { cause })
  }
}

/** The pairs of a section; null when the file has no such section. The first section of a name counts, as in libpq. */
function parseSection(text: string, service: string, path: string): Map<string, string> | null {
  let values: Map<string, string> | null = null
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const where = `service file ${JSON.stringify(path)}, line ${index + 1}`
    if (trimmed.startsWith('[')) {
      if (values !== null) return values
      if (trimmed === `[${service}]`) values = new Map()
    } else if (values !== null) {
      addLine(values, trimmed, where)
    }
  }
  return values
}

function addLine(values: Map<string, string>, line: string, where: string): void {
  const equals = line.indexOf('=')
  if (equals < 0) throw new ClientConfigurationError(`${where}: expected keyword=value`)
  const name = line.slice(0, equals).trim()
  const keyword = keywordOf(name)
  if (keyword === 'service' || keyword === 'servicefile') {
    throw new ClientConfigurationError(`${where}: a service cannot name another service`)
  }
  if (keyword === undefined) {
    const meant = nearest(name, KEYWORDS.keys())
    const details = meant === null ? {} : { hint: `did you mean ${meant}?` }
    throw new ClientConfigurationError(`${where}: unknown keyword ${JSON.stringify(clip(name))}`, details)
  }
  // The first of a repeated keyword counts in a service file.
  if (!values.has(keyword)) addPair(values, name, keyword, line.slice(equals + 1).trim())
}
