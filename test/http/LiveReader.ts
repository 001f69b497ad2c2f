/** A reader of live rows: does what it is told, and looks at the rules of the telling. */
import type { Live } from "@varve/http"
import { Effect } from "effect"

export class Reader {
  readonly subscription: Live.Subscription
  readonly rows = new Map<string, unknown>()
  /** Where to resume. */
  position = 0
  isLevel = false
  isOver = false
  private filling: Set<string> | undefined

  constructor(subscription: Live.Subscription, known?: ReadonlyMap<string, unknown>) {
    this.subscription = subscription
    for (const [key, row] of known ?? []) this.rows.set(key, row)
  }

  get id(): string {
    return this.subscription.idOf(this.position)
  }

  /** Takes what there is, in short. */
  readonly take: Effect.Effect<ReadonlyArray<string>> = Effect.suspend(() =>
    Effect.map(this.subscription.take, (messages) => messages.map((message) => this.tell(message)))
  )

  /** Takes until something is so. Bounded by the time of the test. */
  until(isSo: () => boolean): Effect.Effect<ReadonlyArray<string>> {
    return Effect.gen({ self: this }, function*() {
      const told: Array<string> = []
      while (!isSo()) told.push(...yield* this.take)
      return told
    })
  }

  private moveTo(position: number): void {
    if (position < this.position) throw new Error(`from ${this.position} back to ${position}`)
    this.position = position
  }

  private tell(message: Live.Message): string {
    switch (message._tag) {
      case "Row": {
        const { item: { key, row }, position } = message
        this.filling?.add(key)
        if (row === undefined) this.rows.delete(key)
        else this.rows.set(key, row)
        if (position !== undefined) this.moveTo(position)
        return `${row === undefined && this.filling === undefined ? "gone" : "row"} ${key}`
      }
      case "Resync":
        this.filling = new Set()
        this.isLevel = false
        this.position = 0
        return "resync"
      case "Level":
        for (const key of this.rows.keys()) {
          if (this.filling !== undefined && !this.filling.has(key)) this.rows.delete(key)
        }
        this.filling = undefined
        this.isLevel = true
        this.moveTo(message.position)
        return "level"
      case "Heartbeat":
        this.moveTo(message.position)
        return "heartbeat"
      case "End":
        this.isOver = true
        return `end ${message.reason}`
      case "Failure":
        this.isOver = true
        return `failure ${message.error.reason._tag}`
    }
  }
}
