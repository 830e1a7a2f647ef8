/**
 * The data directory of an embedded database in memory: a file system for Emscripten (which PGlite uses) whose files are
 * lists of blocks. Emscripten's own file system keeps each file in one array and copies all of it whenever PostgreSQL extends
 * a table, so loading a table takes quadratic time. A file may begin as a part of an image. Blocks are read on first use.
 */

/** The first content of a file: bytes of an image, which are read when they are needed. */
export interface FileSource {
  readonly length: number
  read(into: Uint8Array, position: number): void
}

/** The part of Emscripten that is used. Its functions throw Emscripten's errors. */
export interface EmscriptenModule {
  readonly FS: EmscriptenFs
  readonly MEMFS: EmscriptenMemory
  readonly ENV: Readonly<Record<string, string>>
}

interface EmscriptenFs {
  isDir(mode: number): boolean
  isFile(mode: number): boolean
  mkdirTree(path: string, mode?: number): void
  mkdir(path: string, mode: number): void
  mknod(path: string, mode: number, device: number): FileNode
  mount(type: { mount(): FileNode }, options: object, path: string): void
  readdir(path: string): string[]
  readFile(path: string): Uint8Array
  stat(path: string): { readonly mode: number }
}

interface EmscriptenMemory {
  createNode(parent: FileNode | null, name: string, mode: number, device: number): FileNode
  readonly node_ops: NodeOperations
  readonly stream_ops: StreamOperations
}

type NodeOperations = Readonly<Record<string, unknown>>
type StreamOperations = Readonly<Record<string, unknown>>
type Attributes = { readonly [name in 'mode' | 'atime' | 'mtime' | 'ctime' | 'size']?: number | null }

interface FileNode {
  node_ops: NodeOperations
  stream_ops: StreamOperations
  mode: number
  atime: number
  mtime: number
  ctime: number
  /** The size of the file. Emscripten's operations read this field. */
  usedBytes: number
  blocks: BlockFile
}

interface Stream {
  readonly node: FileNode
}

const S_IFREG = 0o100_000
const S_IFDIR = 0o040_000
const BLOCK_BYTES = 65_536

/** Mounts an empty directory for such files, and makes its path. */
export function mountMemoryFiles({ FS, MEMFS }: EmscriptenModule, path: string): void {
  const ofFiles: StreamOperations = { llseek: MEMFS.stream_ops['llseek'], read, write }
  const ofFileNodes: NodeOperations = { getattr: MEMFS.node_ops['getattr'], setattr }
  const ofFolders = { mknod }

  function adopt(node: FileNode): FileNode {
    if (FS.isDir(node.mode)) node.node_ops = { ...node.node_ops, ...ofFolders }
    if (!FS.isFile(node.mode)) return node
    node.node_ops = ofFileNodes
    node.stream_ops = ofFiles
    node.blocks = new BlockFile()
    return node
  }

  function mknod(parent: FileNode, name: string, mode: number, device: number): FileNode {
    return adopt(MEMFS.createNode(parent, name, mode, device))
  }

  FS.mkdirTree(path)
  FS.mount({ mount: () => adopt(MEMFS.createNode(null, '/', S_IFDIR | 0o700, 0)) }, {}, path)
}

/** Makes a file with the bytes of the source, filled up with zeros to its size. */
export function createFile(FS: EmscriptenFs, path: string, mode: number, size: number, source: FileSource): void {
  const node = FS.mknod(path, S_IFREG | mode, 0)
  node.blocks = new BlockFile(size, source)
  node.usedBytes = size
}

function setattr(node: FileNode, attributes: Attributes): void {
  for (const name of ['mode', 'atime', 'mtime', 'ctime'] as const) {
    const value = attributes[name]
    if (value !== undefined && value !== null) node[name] = value
  }
  const { size } = attributes
  if (size === undefined || size === null) return
  node.blocks.resize(size)
  node.usedBytes = size
}

function read({ node }: Stream, buffer: ArrayBufferView, offset: number, length: number, position: number): number {
  return node.blocks.read(bytesOf(buffer, offset, length), position)
}

function write({ node }: Stream, buffer: ArrayBufferView, offset: number, length: number, position: number): number {
  if (length === 0) return 0
  node.mtime = node.ctime = Date.now()
  node.blocks.write(bytesOf(buffer, offset, length), position)
  node.usedBytes = node.blocks.size
  return length
}

/** Makes unsigned bytes of Emscripten's memory, which comes as signed bytes. */
function bytesOf(buffer: ArrayBufferView, offset: number, length: number): Uint8Array {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset + offset, length)
}

/** The content of a file. A missing block still holds bytes of the source, or zeros. */
export class BlockFile {
  size: number
  readonly #blocks: (Uint8Array | undefined)[] = []
  readonly #source: FileSource | null
  /** How many bytes of the source are still part of the file. */
  #sourceLength: number

  constructor(size = 0, source: FileSource | null = null) {
    this.size = size
    this.#source = source
    this.#sourceLength = Math.min(size, source?.length ?? 0)
  }

  /** Reads from a position into `into`. @returns how many bytes were read */
  read(into: Uint8Array, position: number): number {
    const length = Math.min(into.length, this.size - position)
    if (length <= 0) return 0
    for (let done = 0; done < length;) {
      const at = (position + done) % BLOCK_BYTES
      const count = Math.min(BLOCK_BYTES - at, length - done)
      const block = this.#existing((position + done - at) / BLOCK_BYTES)
      if (block === undefined) into.fill(0, done, done + count)
      else into.set(block.subarray(at, at + count), done)
      done += count
    }
    return length
  }

  /** Writes at a position. If it is beyond the end, zeros fill the gap. */
  write(from: Uint8Array, position: number): void {
    for (let done = 0; done < from.length;) {
      const at = (position + done) % BLOCK_BYTES
      const count = Math.min(BLOCK_BYTES - at, from.length - done)
      const index = (position + done - at) / BLOCK_BYTES
      const block = this.#existing(index) ?? (this.#blocks[index] = new Uint8Array(BLOCK_BYTES))
      block.set(from.subarray(done, done + count), at)
      done += count
    }
    this.size = Math.max(this.size, position + from.length)
  }

  /** Sets the size. A larger file is filled up with zeros. */
  resize(size: number): void {
    if (size < this.size) {
      const kept = Math.ceil(size / BLOCK_BYTES)
      if (this.#blocks.length > kept) this.#blocks.length = kept
      this.#blocks[kept - 1]?.fill(0, size - (kept - 1) * BLOCK_BYTES)
      this.#sourceLength = Math.min(this.#sourceLength, size)
    }
    this.size = size
  }

  #existing(index: number): Uint8Array | undefined {
    const block = this.#blocks[index]
    if (block !== undefined) return block
    const position = index * BLOCK_BYTES
    if (position >= this.#sourceLength) return undefined
    const fresh = new Uint8Array(BLOCK_BYTES)
    this.#source!.read(fresh.subarray(0, Math.min(BLOCK_BYTES, this.#sourceLength - position)), position)
    return (this.#blocks[index] = fresh)
  }
}
