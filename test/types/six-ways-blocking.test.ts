import { sixWays } from './six-ways.ts'

sixWays('blocking', 18)
