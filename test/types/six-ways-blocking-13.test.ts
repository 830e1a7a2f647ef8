import { hasPostgres } from '../support/postgres-binaries.ts'
import { sixWays } from './six-ways.ts'

if (hasPostgres(13)) sixWays('blocking', 13)
