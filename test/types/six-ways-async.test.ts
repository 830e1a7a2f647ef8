import { sixWays } from './six-ways.ts'

sixWays('async', 18)
