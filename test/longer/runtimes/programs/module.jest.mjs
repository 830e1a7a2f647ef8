import * as db from 'syncpg'

import { register } from './claims.mjs'

register({ test, expect }, db)
