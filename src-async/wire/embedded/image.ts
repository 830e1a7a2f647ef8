/**
 * An image of a new database cluster: all files that initdb made, in one file. initdb takes seconds in the embedded
 * PostgreSQL, and copying the files out of an image takes far less than one. Equal files are stored once, because the
 * three databases are copies of one another. Zeros at the end of a file are not stored, because a WAL segment is
 * nearly all zeros. So an image has 15 MB instead of 39.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { OWNER_ONLY, UNFINISHED, makeDirectory } from './data-directory.ts'
import { type EmscriptenModule, type FileSource, createFile } from './memory-files.ts'

/** Paths are relative to the data directory, with forward slashes. A folder comes before its contents. */
interface Index {
  readonly folders: readonly string[]
  /** Path, size, and the range of its bytes in the contents: start and length. */
  readonly files: readonly (readonly [path: string, size: number, start: number, length: number])[]
}

const MAGIC = 'syncpg cluster image 1'
const HEAD_BYTES = 256
const PIECE_BYTES = 1 << 20
const FILE_MODE = 0o600

/** Makes the image of a new cluster, on which no server has run yet. */
export function imageOf({ FS, ENV }: EmscriptenModule): Buffer {
  const root = ENV['PGDATA']!
  const folders: string[] = []
  const files: [string, number, number, number][] = []
  const pieces: Uint8Array[] = []
  const startOf = new Map<string, number>()
  let end = 0
  const walk = (folder: string): void => {
    for (const name of FS.readdir(`${root}/${folder}`)) {
      if (name === '.' || name === '..') continue
      const path = folder === '' ? name : `${folder}/${name}`
      if (FS.isDir(FS.stat(`${root}/${path}`).mode)) {
        folders.push(path)
        walk(path)
        continue
      }
      const content = FS.readFile(`${root}/${path}`)
      const bytes = content.subarray(0, lengthWithoutZeros(content))
      const digest = digestOf(bytes)
      let start = startOf.get(digest)
      if (start === undefined) {
        start = end
        startOf.set(digest, start)
        pieces.push(bytes)
        end += bytes.length
      }
      files.push([path, content.length, start, bytes.length])
    }
  }
  walk('')
  const index = Buffer.from(JSON.stringify({ folders, files } satisfies Index))
  const contents = Buffer.concat(pieces)
  return Buffer.concat([headOf(index, end, digestOf(contents)), index, contents])
}

function lengthWithoutZeros(bytes: Uint8Array): number {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  return length
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function headOf(index: Uint8Array, contentBytes: number, contentDigest: string): Buffer {
  const words = [MAGIC, index.length, contentBytes, digestOf(index), contentDigest]
  return Buffer.from(words.join(' ').padEnd(HEAD_BYTES - 1) + '\n')
}

/** Stores an image for the next start. It gets its name only when it is completely on the disk. */
export function storeImage(path: string, image: Uint8Array): void {
  makeDirectory(dirname(path), OWNER_ONLY)
  const draft = `${path}.${process.pid}.${Date.now()}`
  try {
    const file = openSync(draft, 'wx', FILE_MODE)
    try {
      for (let done = 0; done < image.length;) done += writeSync(file, image, done)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** The bytes of an image, in a file or in memory. */
interface ImageBytes {
  readonly size: number
  /** @returns how many bytes it read, like read(2) */
  read(into: Uint8Array, position: number): number
  close(): void
}

/** An open image. A database in memory reads blocks from it while it runs, so the image stays open until `close`. */
export class ClusterImage {
  readonly #bytes: ImageBytes
  readonly #index: Index
  readonly #contentStart: number
  readonly #contentDigest: string

  private constructor(bytes: ImageBytes, index: Index, contentStart: number, contentDigest: string) {
    this.#bytes = bytes
    this.#index = index
    this.#contentStart = contentStart
    this.#contentDigest = contentDigest
  }

  /** Whether the contents are undamaged. Not checked for a database in memory, which reads only a small part of them. */
  isWhole(): boolean {
    const hash = createHash('sha256')
    const piece = Buffer.allocUnsafe(PIECE_BYTES)
    for (let at = this.#contentStart; at < this.#bytes.size;) {
      const count = this.#bytes.read(piece, at)
      if (count === 0) return false
      hash.update(piece.subarray(0, count))
      at += count
    }
    return hash.digest('hex') === this.#contentDigest
  }

  /**
   * Opens a stored image.
   * @returns null when there is none, or it is cut short, of another format, or writable by other users.
   */
  static open(path: string): ClusterImage | null {
    let file: number
    try {
      // Without O_NONBLOCK, `open` would block if the file is a pipe.
      file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    } catch {
      return null
    }
    const stats = fstatSync(file)
    const { uid, mode, size } = stats
    const user = process.geteuid?.()
    const isOurs = stats.isFile() && (user === undefined || (uid === user && (mode & 0o022) === 0))
    let isOpen = true
    const bytes: ImageBytes = {
      size,
      read: (into, position) => readSync(file, into, 0, into.length, position),
      close() {
        if (isOpen) closeSync(file)
        isOpen = false
      },
    }
    const image = isOurs ? ClusterImage.#of(bytes) : null
    if (image === null) bytes.close()
    return image
  }

  /** An image that was just made, in memory. */
  static from(image: Uint8Array): ClusterImage | null {
    return ClusterImage.#of({
      size: image.length,
      read(into, position) {
        const part = image.subarray(position, position + into.length)
        into.set(part)
        return part.length
      },
      close() {},
    })
  }

  static #of(bytes: ImageBytes): ClusterImage | null {
    const head = Buffer.alloc(HEAD_BYTES)
    bytes.read(head, 0)
    const words = new RegExp(`^${MAGIC} (\\d+) (\\d+) \\w+ (\\w+) `).exec(head.toString('latin1'))
    if (words === null) return null
    const [indexBytes, contentBytes] = [Number(words[1]), Number(words[2])]
    if (bytes.size !== HEAD_BYTES + indexBytes + contentBytes) return null
    const index = Buffer.alloc(indexBytes)
    bytes.read(index, HEAD_BYTES)
    if (!headOf(index, contentBytes, words[3]!).equals(head)) return null
    return new ClusterImage(bytes, JSON.parse(index.toString()) as Index, HEAD_BYTES + indexBytes, words[3]!)
  }

  /** Fills the empty data directory in PGlite's memory. */
  layOutInMemory({ FS, ENV }: EmscriptenModule): void {
    const root = ENV['PGDATA']!
    for (const folder of this.#index.folders) FS.mkdir(`${root}/${folder}`, OWNER_ONLY)
    for (const [path, size, start, length] of this.#index.files) {
      createFile(FS, `${root}/${path}`, FILE_MODE, size, this.#source(start, length))
    }
  }

  /** Fills an empty or unfinished directory. The directory has the mark `UNFINISHED` until all files are written. */
  layOutOnDisk(directory: string): void {
    const mark = join(directory, UNFINISHED)
    writeFileSync(mark, '')
    for (const folder of this.#index.folders) makeDirectory(join(directory, folder), OWNER_ONLY)
    for (const [path, size, start, length] of this.#index.files) {
      const file = openSync(join(directory, path), 'w', FILE_MODE)
      try {
        const bytes = Buffer.allocUnsafe(length)
        this.#source(start, length).read(bytes, 0)
        for (let done = 0; done < length;) done += writeSync(file, bytes, done)
        ftruncateSync(file, size)
      } finally {
        closeSync(file)
      }
    }
    rmSync(mark)
  }

  #source(start: number, length: number): FileSource {
    return { length, read: (into, position) => this.#readWhole(into, this.#contentStart + start + position) }
  }

  #readWhole(into: Uint8Array, position: number): void {
    for (let done = 0; done < into.length;) {
      const count = this.#bytes.read(into.subarray(done), position + done)
      if (count === 0) throw new Error('the image of the embedded database is incomplete')
      done += count
    }
  }

  close(): void {
    this.#bytes.close()
  }
}
