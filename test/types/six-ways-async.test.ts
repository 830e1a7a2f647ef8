import { sharedServer } from '../support/shared-server.ts'
import { sixWays } from './six-ways.ts'

sixWays('async', sharedServer().major)
