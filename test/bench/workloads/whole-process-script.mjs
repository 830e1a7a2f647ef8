/** The script of the workload "whole process": what to do comes in an environment variable. */
const { peer, target } = JSON.parse(process.env.SYNCPG_BENCH_JOB)

let value = null
if (peer.adapter !== '') {
  const { open } = await import(new URL(`../peers/${peer.adapter}`, import.meta.url).href)
  const client = await open(target, peer)
  value = (await client.one('select 1 as one')).one
  await client.close()
}
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  process.stdout.write(JSON.stringify({ value, cpuMs: (userCPUTime + systemCPUTime) / 1000, rssMb: maxRSS / 1024 }))
})
