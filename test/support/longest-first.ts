/**
 * The order of the test files: the longest first, so that no processor is idle at the end. vitest knows how long a file takes
 * where it has run it before; in a new checkout it only knows their sizes, and some of the longest are short texts.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take several seconds, the longest first. The order matters, a file that is missing here costs little. */
const LONGEST = [
  'integration/cli/terminal',
  'integration/cli/scripts',
  'worker/sessions-end',
  'integration/docs/reference-examples',
  'integration/embedded/lock',
  'integration/embedded/start',
  'integration/failures/lost-cancels',
  'integration/sqlite/import',
  'worker/start',
  'integration/docs/guides',
  'integration/embedded/directory',
  'worker/explorer',
]

function rank({ moduleId }: TestSpecification): number {
  const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
  return found < 0 ? LONGEST.length : found
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    // Files of one project stay together: a process of another one cannot take them over.
    const projects = [...new Set(sorted.map(({ project }) => project))]
    const place = (file: TestSpecification): number =>
      projects.indexOf(file.project) * (LONGEST.length + 1) + rank(file)
    return sorted.toSorted((a, b) => place(a) - place(b))
  }
}
