import { parityOverServer } from './parity.ts'

parityOverServer('async', 'unix')
