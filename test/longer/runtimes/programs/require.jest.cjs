test('all claims hold', async () => {
  const db = await import('syncpg')
  const { claims } = await import('./claims.mjs')
  claims(db)
})
