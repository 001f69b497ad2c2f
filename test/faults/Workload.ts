/**
 * What the processes of a run do to a store: they append in every way, execute commands, read, and write down what they
 * are told.
 */
import { type Aggregate, CommitId, type EventStoreError } from "@varve/core"
import { Effect, Option } from "effect"
import { random } from "../support/random.ts"
import * as Accounts from "./Accounts.ts"
import * as Attempt from "./Attempt.ts"
import type { Opened } from "./Place.ts"
import { isCommand, type Note, now, type Outcome, type Planned, type Sight } from "./Records.ts"

/** What a worker is told. */
export interface Orders {
  /** Nobody else's in the run. */
  readonly worker: number
  readonly seed: number
  /** How much it does at once. */
  readonly lanes: number
  /** How long a lane rests between two things at the most. */
  readonly restMillis: number
  /** Characters that each payload is longer by. */
  readonly padding?: number | undefined
  /** What is wrong with the program, for an oracle that has to find it. */
  readonly wrong?: ReadonlyArray<Wrong> | undefined
}

/**
 * - `newId`: sends a commit again under another id when its outcome is unknown
 * - `staleReads`: answers a read, now and then, with what was answered before
 */
export type Wrong = "newId" | "staleReads"

/** Times that a commit is sent whose outcome is unknown, or that could not be sent. */
const attemptsLimit = 40

const sharedStreams = 5

/** Numbers of the events of a commit: up to eight, and nobody else's. */
const numbersOf = (worker: number, n: number, from: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => (worker * 1_000_000 + n) * 8 + from + i)

export class Worker {
  finished = false
  private n = 0
  private readonly chance: () => number
  private readonly known = new Map<string, number>()
  private readonly recent: Array<string> = []
  private readonly stale = new Map<string, Sight>()
  private readonly opened: Opened
  private readonly orders: Orders
  private readonly say: (note: Note) => void

  constructor(opened: Opened, orders: Orders, say: (note: Note) => void) {
    this.opened = opened
    this.orders = orders
    this.say = say
    this.chance = random(orders.seed)
  }

  private below(limit: number): number {
    return Math.floor(this.chance() * limit)
  }

  private get shared(): string {
    return `shared ${this.below(sharedStreams)}`
  }

  private planned(): Planned {
    const n = this.n++
    const { padding, worker } = this.orders
    const write = (stream: string, expected: Planned["writes"][number]["expected"], from: number, count: number) => ({
      stream,
      expected,
      numbers: numbersOf(worker, n, from, count)
    })
    const about = { id: CommitId.generateUnsafe(), padding }
    const [one, kind] = [this.shared, this.chance()]
    const version = this.known.get(one) ?? 0
    if (kind < 0.35) return { ...about, writes: [write(one, version, 0, 1 + this.below(2))] }
    if (kind < 0.5) return { ...about, writes: [write(one, version > 0 ? "exists" : "any", 0, 1)] }
    const other = this.shared
    const first = kind < 0.65 ? write(`own ${worker} ${n}`, 0, 0, 1) : write(one, "any", 0, 1 + this.below(3))
    const second = other === first.stream ? [] : [write(other, "any", 4, 1 + this.below(2))]
    return { ...about, writes: [first, ...second] }
  }

  private get account(): string {
    return `account ${this.below(Accounts.count)}`
  }

  /** Money that is paid in, that is taken out, as far as it is there, or that goes from one account to another. */
  private plannedCommand(): Planned {
    const n = this.n++
    const [one, other, kind] = [this.account, this.account, this.chance()]
    const cents = 1 + this.below(100)
    const move = (stream: string, cents: number, from: number) => ({
      stream,
      expected: "any" as const,
      numbers: numbersOf(this.orders.worker, n, from, 1),
      cents
    })
    const id = CommitId.generateUnsafe()
    // As much goes out as comes in, so that there is always something that is not there.
    if (kind < 0.6 || one === other) return { id, writes: [move(one, kind < 0.3 ? cents : -cents, 0)] }
    return { id, writes: [move(one, -cents, 0), move(other, cents, 4)] }
  }

  private attempt(planned: Planned, inTransaction: boolean): Effect.Effect<Outcome> {
    return Effect.suspend(() => {
      this.say({ tag: "Sent", commit: planned, at: now() })
      const options = { inTransaction, restMillis: this.below(5) }
      return Effect.tap(Attempt.attempt(this.opened, planned, options), (outcome) =>
        Effect.sync(() => {
          this.say({ tag: "Told", id: planned.id, at: now(), outcome })
          if (outcome.tag === "Written") { for (const [stream, , to] of outcome.streams) this.learn(stream, to) }
          if (outcome.tag === "Conflict") this.learn(outcome.stream, outcome.actual)
        }))
    })
  }

  private learn(stream: string, version: number): void {
    if (stream.startsWith("shared")) this.known.set(stream, version)
  }

  /** Sends a commit until it is known what came of it: again as it is, or after a look whether it is there. */
  send(planned: Planned, patient: boolean): Effect.Effect<void> {
    const inTransaction = this.opened.transactions && this.chance() < 0.15
    const looks = this.chance() < 0.5
    return Effect.gen({ self: this }, function*() {
      let sent = planned
      // A caller who has not heard the answer sends a command again.
      let deaf = isCommand(planned) && patient && this.chance() < 0.2
      for (let i = 0; i < attemptsLimit; i++) {
        const { tag } = yield* this.attempt(sent, inTransaction)
        if (tag === "Written" && deaf) {
          deaf = false
          continue
        }
        if (tag !== "Unavailable" && tag !== "OutcomeUnknown") return
        if (!patient) return
        yield* Effect.sleep(`${20 + this.below(150)} millis`)
        if (tag === "Unavailable") continue
        if (looks && (yield* this.look(this.findCommit(sent.id)))) return
        if (this.orders.wrong?.includes("newId") === true) sent = { ...planned, id: CommitId.generateUnsafe() }
      }
    })
  }

  /** Reads something, and writes down what it was. Whether it was there. */
  private look(
    sight: Effect.Effect<Sight, EventStoreError.EventStoreError | Aggregate.ExecutionError>
  ): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const from = now()
      return Effect.matchCause(sight, {
        onSuccess: (fresh) => {
          const seen = this.orders.wrong?.includes("staleReads") === true ? this.staleOf(fresh) : fresh
          this.say({ tag: "Seen", from, to: now(), sight: seen })
          return seen.tag !== "Commit" || seen.first !== null
        },
        onFailure: (cause) => {
          const outcome = Attempt.failed(cause)
          const message = "message" in outcome ? outcome.message : outcome.tag
          this.say({ tag: "Unseen", reason: outcome.tag, message })
          return false
        }
      })
    })
  }

  private staleOf(fresh: Sight): Sight {
    const key = "stream" in fresh ? fresh.stream : fresh.tag
    const before = this.stale.get(key)
    this.stale.set(key, fresh)
    return before !== undefined && fresh.tag !== "Commit" && this.chance() < 0.1 ? before : fresh
  }

  private findCommit(id: string): Effect.Effect<Sight, EventStoreError.EventStoreError> {
    return Effect.map(this.opened.store.findCommit(CommitId.make(id)), (receipt) => ({
      tag: "Commit",
      id,
      first: Option.match(receipt, { onNone: () => null, onSome: ({ first }) => first })
    }))
  }

  private readonly head: Effect.Effect<Sight, EventStoreError.EventStoreError> = Effect.suspend(() =>
    Effect.map(this.opened.store.head, (head) => ({ tag: "Head", head }))
  )

  private stream(id: string): Effect.Effect<Sight, EventStoreError.EventStoreError> {
    const limit = 1 + this.below(6)
    const page = this.opened.store.readStreamPage({ stream: Attempt.streamOf(id), direction: "backward", limit })
    return Effect.map(page, ({ events }) => {
      this.learn(id, events[0]?.version ?? 0)
      return { tag: "Stream", stream: id, events: events.map(({ payload, version }) => [version, numberOf(payload)]) }
    })
  }

  private load(id: string): Effect.Effect<Sight, Aggregate.ExecutionError> {
    return Effect.map(Accounts.Account.load(id), ({ state }): Sight => ({ tag: "Account", stream: id, state })).pipe(
      Effect.provideContext(this.opened.accounts)
    )
  }

  private readonly page: Effect.Effect<Sight, EventStoreError.EventStoreError> = Effect.gen(
    { self: this },
    function*() {
      const { store } = this.opened
      const after = Math.max(0, (yield* store.head) - this.below(20))
      const { atHead, events, scannedTo } = yield* store.readPage({ after, limit: 10 + this.below(20) })
      return {
        tag: "Page",
        after,
        scannedTo,
        atHead,
        events: events.map(({ payload, position }) => [position, numberOf(payload)])
      }
    }
  )

  private readonly one: Effect.Effect<unknown> = Effect.suspend(() => {
    const kind = this.chance()
    if (kind < 0.5) {
      const planned = kind < 0.32 ? this.planned() : this.plannedCommand()
      this.recent[this.n % 32] = planned.id
      return this.send(planned, this.chance() < 0.8)
    }
    if (kind < 0.7) return this.look(this.stream(this.shared))
    if (kind < 0.75) return this.look(this.load(this.account))
    if (kind < 0.85) return this.look(this.head)
    if (kind < 0.92) return this.look(this.page)
    const id = this.recent[this.below(this.recent.length)]
    return id === undefined ? Effect.void : this.look(this.findCommit(id))
  })

  /** Until it is told to finish. */
  readonly work: Effect.Effect<void> = Effect.suspend(() => {
    const rest = Effect.suspend(() => Effect.sleep(`${this.below(this.orders.restMillis + 1)} millis`))
    const lane = Effect.repeat(Effect.andThen(this.one, rest), { until: () => this.finished })
    return Effect.all(Array.from({ length: this.orders.lanes }, () => lane), {
      concurrency: "unbounded",
      discard: true
    })
  })
}

const numberOf = (payload: unknown): number => (payload as { readonly n: number }).n
