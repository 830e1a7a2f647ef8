/** A script's whole life: start Node, load the client, connect, one statement, close, end. */

export const workload = {
  name: 'whole-process',
  title: 'Whole process: start, connect, select 1, end',
  isProcess: true,
  transport: 'unix',
  unit: 'process',
  needs: ['one'],
  rounds: 15,
  size: {},
  quickSize: {},
  operations: () => 1,
  prepare: () => ({ value: 1 }),
}
