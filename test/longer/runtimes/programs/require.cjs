const db = require('syncpg')
const { claims } = require('./claims.mjs')

console.log(claims(db))
