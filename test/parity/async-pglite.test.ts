import { parityOverPglite } from './parity.ts'

parityOverPglite('async')
