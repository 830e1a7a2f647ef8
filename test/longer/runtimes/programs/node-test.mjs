import test from 'node:test'

import * as db from 'syncpg'

import { claims } from './claims.mjs'

test('all claims hold', () => void claims(db))
