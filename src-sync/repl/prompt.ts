import type { Shell } from './shell.ts'
export async function runPrompt(_s: Shell, _o: { readsStartFile: boolean; isEmbedded: boolean }): Promise<number> { return 0 }
