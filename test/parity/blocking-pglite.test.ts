import { parityOverPglite } from './parity.ts'

parityOverPglite('blocking')
