/** A folder for one test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Makes an empty folder, which is removed when the running test ends. @param name a part of its name: `lock` */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `syncpg-${name}-`))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
