import * as Effect from "effect/Effect"
import type { CommitId } from "../CommitId.ts"
import { Unavailable } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { StreamName } from "../StreamName.ts"

/**
 * What has become of a decision: it is in the store, it never will be (the next time it was decided otherwise, or
 * somebody else's stands under its id), or nobody knows.
 */
export type Outcome = "stored" | "never" | "unknown"

/** An instance after so many of its stored events. */
export interface Loaded {
  readonly state: unknown
  readonly version: number
}

/** A decision that is under way to the store, and on whose success later ones rest. */
export class Pending {
  readonly commitId: CommitId
  /**
   * False when other decisions can be stored under the same id: then the id does not say which, so nothing can rest on
   * it before the store has answered.
   */
  readonly chainable: boolean
  /** `Instance.epoch` when it was sent. */
  readonly epoch: number
  /** What it makes of the instance. */
  readonly made: Loaded
  /** Undefined until the store has answered. */
  outcome: Outcome | undefined
  private listeners: Array<() => void> | undefined

  constructor(commitId: CommitId, chainable: boolean, epoch: number, made: Loaded) {
    this.commitId = commitId
    this.chainable = chainable
    this.epoch = epoch
    this.made = made
  }

  /** Waits for the answer. The store bounds the wait. */
  get settled(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.outcome !== undefined) return resume(Effect.void)
      ;(this.listeners ??= []).push(() => resume(Effect.void))
    })
  }

  settle(outcome: Outcome): void {
    this.outcome = outcome
    this.listeners?.forEach((listener) => listener())
  }
}

/** The state that the next decision of an instance starts from. */
export interface Tip extends Loaded {
  /** The decision that made it, unless it was read from the store. */
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
  /** The last of its states that is known to be stored: what a load begins with. */
  known: Loaded | undefined
  inFlight = 0
  /** How many works have found it and not given up, or taken and released, their turn. */
  seats = 0
  private epoch = 0
  private taken = false
  private readonly waiting: Array<() => void> = []

  constructor(key: string, stream: StreamName) {
    this.key = key
    this.stream = stream
  }

  /** Takes the turn, if nobody has it. */
  take(): boolean {
    if (this.taken) return false
    this.taken = true
    return true
  }

  /**
   * Waits for the turn, behind those who came before. `onTaken` is called in the moment it is given: whatever
   * interrupts the fiber after that, it is known that the turn has to be released.
   */
  acquire(onTaken: () => void): Effect.Effect<void, Unavailable> {
    return Effect.callback((resume) => {
      if (this.take()) {
        onTaken()
        return resume(Effect.void)
      }
      if (this.waiting.length >= Limits.pendingCommands) {
        const what = `turn of a command on ${this.key}`
        const expected = `at most ${Limits.pendingCommands} commands waiting`
        return resume(Effect.fail(new Unavailable({ what, expected, actual: "one more" })))
      }
      let gone = false
      const turn = () => {
        if (gone) return this.release()
        onTaken()
        resume(Effect.void)
      }
      this.waiting.push(turn)
      return Effect.sync(() => {
        // When it is not among the waiting any more, the turn is about to be given, and goes on to the next.
        gone = true
        const at = this.waiting.indexOf(turn)
        if (at !== -1) this.waiting.splice(at, 1)
      })
    })
  }

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
  advance(made: Loaded, commitId: CommitId, chainable: boolean): Pending {
    const pending = new Pending(commitId, chainable, this.epoch, made)
    this.tip = { state: made.state, version: made.version, pending }
    this.inFlight++
    return pending
  }

  /** The store has answered. What was decided on top of what is not stored falls: the next turn reads. */
  settle(pending: Pending, outcome: Outcome): void {
    this.inFlight--
    if (outcome === "stored") this.know(pending.made)
    // The first of a chain to fall ends the epoch. Those behind it fall, too, and find it ended.
    if (outcome !== "stored" && pending.epoch === this.epoch) {
      this.epoch++
      this.tip = undefined
    }
    pending.settle(outcome)
  }

  /** A state is known to be stored: it was read, or the store has answered for its commit. */
  know(loaded: Loaded): void {
    if (loaded.version >= (this.known?.version ?? 0)) this.known = loaded
  }

  /** The store told a version of the stream. One below what was known is that of another stream of the name: it begins anew. */
  doubt(actual: number): void {
    if (actual >= (this.known?.version ?? 0)) return
    this.known = undefined
    this.tip = undefined
  }

  get idle(): boolean {
    return this.seats === 0 && this.inFlight === 0
  }
}
