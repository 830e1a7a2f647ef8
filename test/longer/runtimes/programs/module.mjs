import * as db from 'syncpg'

import { claims } from './claims.mjs'

console.log(claims(db))
