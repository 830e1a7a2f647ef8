import { sharedServer } from '../support/shared-server.ts'
import { sixWays } from './six-ways.ts'

sixWays('blocking', sharedServer().major)
