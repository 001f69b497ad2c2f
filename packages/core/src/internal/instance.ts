import * as Effect from "effect/Effect"
import type { CommitId } from "../CommitId.ts"
import { Unavailable } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { StreamName } from "../StreamName.ts"

/** A commit that is under way to the store, and on whose success later decisions rest. */
export class Pending {
  readonly commitId: CommitId
  /** `Instance.epoch` when it was sent. */
  readonly epoch: number
  /** Undefined until the store has answered. */
  stored: boolean | undefined
  private readonly listeners: Array<() => void> = []

  constructor(commitId: CommitId, epoch: number) {
    this.commitId = commitId
    this.epoch = epoch
  }

  /** Waits for the answer. The store bounds the wait. */
  readonly settled: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.stored !== undefined) return resume(Effect.void)
    this.listeners.push(() => resume(Effect.void))
  })

  settle(stored: boolean): void {
    this.stored = stored
    for (const listener of this.listeners.splice(0)) listener()
  }
}

/** The state that the next decision of an instance starts from. */
export interface Tip {
  readonly state: unknown
  readonly version: number
  /** The commit that made it, unless it was read from the store. */
  readonly pending: Pending | undefined
}

/**
 * One instance at work in this process.
 *
 * Commands take turns. A turn ends when its commit is handed to the store, not when the store has answered: the next
 * decision starts from the state that the commit will have made, and its own commit says so (`{ version, commitId }`),
 * so that it falls when that one does. A chain of them goes into one batch.
 */
export class Instance {
  readonly key: string
  readonly stream: StreamName
  /** Handed on from turn to turn; undefined when it has to be read. */
  tip: Tip | undefined
  inFlight = 0
  private epoch = 0
  private taken = false
  private readonly waiting: Array<() => void> = []

  constructor(key: string, stream: StreamName) {
    this.key = key
    this.stream = stream
  }

  /** Waits for the turn, behind those who came before. */
  readonly acquire: Effect.Effect<void, Unavailable> = Effect.callback((resume) => {
    if (!this.taken) {
      this.taken = true
      return resume(Effect.void)
    }
    if (this.waiting.length >= Limits.pendingCommands) {
      const what = `turn of a command on ${this.key}`
      const expected = `at most ${Limits.pendingCommands} commands waiting`
      return resume(Effect.fail(new Unavailable({ what, expected, actual: "one more" })))
    }
    const turn = () => resume(Effect.void)
    this.waiting.push(turn)
    return Effect.sync(() => {
      const at = this.waiting.indexOf(turn)
      // Not among the waiting any more: the turn was given in the same moment, and goes on to the next.
      if (at === -1) this.release()
      else this.waiting.splice(at, 1)
    })
  })

  /**
   * Gives the turn to the next. In a microtask, because resuming a fiber runs it at once: the commit of this turn is
   * to reach the store before that of the next.
   */
  release(): void {
    const next = this.waiting.shift()
    if (next === undefined) this.taken = false
    else queueMicrotask(next)
  }

  /** A commit of this instance is on its way; until the store has answered, what it makes is handed on. */
  advance(state: unknown, version: number, commitId: CommitId): Pending {
    const pending = new Pending(commitId, this.epoch)
    this.tip = { state, version, pending }
    this.inFlight++
    return pending
  }

  /** The store has answered. When this call stored nothing, what was decided on top of it falls: the next turn reads. */
  settle(pending: Pending, stored: boolean): void {
    this.inFlight--
    // The first of a chain to fall ends the epoch. Those behind it fall, too, and find it ended.
    if (!stored && pending.epoch === this.epoch) {
      this.epoch++
      this.tip = undefined
    }
    pending.settle(stored)
  }

  get idle(): boolean {
    return !this.taken && this.inFlight === 0
  }
}
