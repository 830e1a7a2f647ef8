import { expect, test } from 'vitest'

import * as db from 'syncpg'

import { register } from './claims.mjs'

register({ test, expect }, db)
