/** The worker of the bridge: pg's client behind synckit. */
import { Client } from 'pg'
import { runAsWorker } from 'synckit'

let client = null
const names = new Map()

runAsWorker(async (action, first, values) => {
  if (action === 'open') {
    client = new Client(first)
    await client.connect()
    return null
  }
  if (action === 'close') {
    await client.end()
    return null
  }
  let name = names.get(first)
  if (name === undefined) {
    name = `bench_${names.size}`
    names.set(first, name)
  }
  const { rows } = await client.query({ name, text: first, values })
  return rows
})
