/**
 * Keeps notifications until they are read. Every open reader gets every notification that arrives while it is open, in
 * order, independent of other readers. A reader that is opened later begins with the notifications that no reader has
 * taken yet. The log does no I/O and never waits; each face waits in its own way.
 */

/** One reader's place in a log. Made by `NotificationLog.open`. */
export interface LogReader<N> {
  /** Takes the next notification; undefined when there is none, and after `close`. */
  take(): N | undefined
  /** Ends the reader. The log keeps the notifications that no reader has taken for the next one. */
  close(): void
  /** Whether the log has closed the reader because it was too far behind another one. */
  isOverrun(): boolean
}

interface Place {
  /** The number of the notification to take next. */
  next: number
  isOverrun: boolean
}

export class NotificationLog<N> {
  readonly #mostBehind: number
  readonly #readers = new Set<Place>()
  /** The notifications kept. They are numbered in the order of arrival; the first one kept has the number `#first`. */
  readonly #kept: N[] = []
  #first = 0
  /** Each notification with a lower number has been taken by a reader. */
  #taken = 0

  /** @param mostBehind how many notifications a reader may be behind the one that is furthest; then it is closed */
  constructor(mostBehind: number) {
    this.#mostBehind = mostBehind
  }

  /** How many notifications no reader has taken yet. The log itself sets no limit. */
  get untakenCount(): number {
    return this.#first + this.#kept.length - this.#taken
  }

  add(notification: N): void {
    this.#kept.push(notification)
  }

  open(): LogReader<N> {
    const place: Place = { next: this.#taken, isOverrun: false }
    this.#readers.add(place)
    return {
      take: () => this.#take(place),
      close: () => this.#close(place),
      isOverrun: () => place.isOverrun,
    }
  }

  /** Takes all notifications that no reader has taken yet. Open readers still get them. */
  takeRest(): N[] {
    const rest = this.#kept.slice(this.#taken - this.#first)
    this.#taken += rest.length
    this.#trim()
    return rest
  }

  #take(place: Place): N | undefined {
    const index = place.next - this.#first
    if (!this.#readers.has(place) || index >= this.#kept.length) return undefined
    const notification = this.#kept[index]
    place.next += 1
    this.#taken = Math.max(this.#taken, place.next)
    this.#trim()
    return notification
  }

  #close(place: Place): void {
    this.#readers.delete(place)
    this.#trim()
  }

  /** Drops the notifications that every open reader has taken, and the readers that are too far behind. */
  #trim(): void {
    let first = this.#taken
    for (const place of this.#readers) {
      if (this.#taken - place.next > this.#mostBehind) {
        place.isOverrun = true
        this.#readers.delete(place)
      } else first = Math.min(first, place.next)
    }
    const count = first - this.#first
    // Drops only when half of the array can go. So the cost per notification does not grow with the number kept.
    if (count * 2 < this.#kept.length) return
    this.#kept.splice(0, count)
    this.#first = first
  }
}
