import { connect } from 'syncpg/async'

const con = await connect(process.env.DSN)
console.log(await con.fetchval("select $1 || ' claims hold'", ['all']))
await con.close()
