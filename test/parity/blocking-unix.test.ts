import { parityOverServer } from './parity.ts'

parityOverServer('blocking', 'unix')
