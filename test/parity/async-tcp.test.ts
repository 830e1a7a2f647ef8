import { parityOverServer } from './parity.ts'

parityOverServer('async', 'tcp')
