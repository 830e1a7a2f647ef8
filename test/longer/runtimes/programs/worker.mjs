import { Worker, isMainThread, parentPort } from 'node:worker_threads'

import * as db from 'syncpg'

import { claims } from './claims.mjs'

if (isMainThread) new Worker(new URL(import.meta.url)).on('message', (text) => console.log(text))
else parentPort.postMessage(claims(db))
