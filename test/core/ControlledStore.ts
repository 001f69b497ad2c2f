/**
 * The store in memory, with a network between it and the program that the test holds in its hand: appends wait in the
 * order they came until they are let through, and any of them can go wrong.
 */
import { type Commit, EventStore, EventStoreError } from "@varve/core"
import { Context, Effect, Layer, Option } from "effect"

/**
 * What happens to an append on its way.
 *
 * - `pass`: nothing
 * - `foreign`: another writer adds an event to its first stream, just before it
 * - `lostBefore`: it never arrives, and nobody knows
 * - `lostAfter`: it is stored, its acknowledgement is lost
 * - `late`: nobody knows, and it arrives after all, when two others have
 * - `unavailable`: nothing is written, and that is known
 */
export type Fault = "pass" | "foreign" | "lostBefore" | "lostAfter" | "late" | "unavailable"

interface Waiting {
  readonly commit: Commit.Commit
  readonly resume: (result: Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError>) => void
}

/** What a test does to the store. */
export class Control extends Context.Service<Control, {
  /** Keeps appends back from now on. */
  readonly hold: Effect.Effect<void>
  /** Lets so many waiting appends through, oldest first. */
  readonly release: (count: number) => Effect.Effect<void>
  /** Lets everything through, from now on. */
  readonly open: Effect.Effect<void>
  /** Waits until so many appends wait. */
  readonly waiting: (count: number) => Effect.Effect<void>
  /** Says what happens to the appends to come, in their order; to those behind, `pass`. */
  readonly faults: (...faults: ReadonlyArray<Fault>) => Effect.Effect<void>
  /** Keeps reads back until the effect is done. */
  readonly holdReads: (until: Effect.Effect<void>) => Effect.Effect<void>
  /** Waits until so many reads are held back. */
  readonly reads: (count: number) => Effect.Effect<void>
  /** Appends that were let through, whatever came of them. */
  readonly sent: Effect.Effect<number>
  /** How many appends wait. */
  readonly queued: Effect.Effect<number>
  /** The store behind the network. */
  readonly behind: EventStore.EventStore["Service"]
}>()("test/core/ControlledStore") {}

/** What another program writes to a stream. Told by the test: it must be an event that the aggregate knows. */
export interface ForeignEvent {
  readonly type: string
  readonly revision: number
  readonly payload: { readonly [key: string]: string | number }
}

/** Tells fibers that wait for a condition when to look again. */
class Signal {
  private listeners: Array<() => void> = []

  changed(): void {
    for (const listener of this.listeners.splice(0)) listener()
  }

  until(holds: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() =>
      holds() ? Effect.void : Effect.andThen(
        Effect.callback<void>((resume) => {
          this.listeners.push(() => resume(Effect.void))
        }),
        this.until(holds)
      )
    )
  }
}

const appendFailed = (reason: EventStoreError.OutcomeUnknown | EventStoreError.Unavailable) =>
  Effect.fail(new EventStoreError.EventStoreError({ operation: "append", reason }))

const make = (foreign: ForeignEvent) =>
  Effect.gen(function*() {
    const behind = yield* EventStore.EventStore
    const signal = new Signal()
    const queue: Array<Waiting> = []
    const latecomers: Array<{ readonly commit: Commit.Commit; readonly after: number }> = []
    let script: Array<Fault> = []
    let credits = Number.POSITIVE_INFINITY
    let sent = 0
    let reads = 0
    let readGate: Effect.Effect<void> = Effect.void

    const judge = (
      commit: Commit.Commit,
      fault: Fault
    ): Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError> => {
      const lost = Effect.suspend(() => appendFailed(new EventStoreError.OutcomeUnknown({ commitId: commit.id! })))
      const stream = commit.writes[0].stream
      switch (fault) {
        case "pass":
          return behind.append(commit)
        case "foreign":
          return Effect.andThen(
            behind.append({ writes: [{ stream, expected: "any", events: [foreign] }] }),
            behind.append(commit)
          )
        case "lostBefore":
          return lost
        case "lostAfter":
          return Effect.andThen(behind.append(commit), lost)
        case "late":
          return Effect.suspend(() => {
            latecomers.push({ commit, after: sent + 2 })
            return lost
          })
        case "unavailable":
          return appendFailed(new EventStoreError.Unavailable({ what: "store", expected: "an answer", actual: "none" }))
      }
    }

    // One at a time and in their order, as a queue before a database does it.
    const work = Effect.gen(function*() {
      yield* signal.until(() => queue.length > 0 && credits > 0)
      for (const late of latecomers.filter(({ after }) => after <= sent)) {
        latecomers.splice(latecomers.indexOf(late), 1)
        yield* Effect.exit(behind.append(late.commit))
      }
      const { commit, resume } = queue.shift()!
      credits--
      sent++
      const exit = yield* Effect.exit(judge(commit, script.shift() ?? "pass"))
      resume(exit)
      signal.changed()
      yield* Effect.yieldNow
    })
    yield* Effect.forkScoped(Effect.forever(work))

    const append = (commit: Commit.Commit) =>
      Effect.callback<Commit.Receipt, EventStoreError.EventStoreError>((resume) => {
        const entry = { commit, resume }
        queue.push(entry)
        signal.changed()
        return Effect.sync(() => {
          const at = queue.indexOf(entry)
          if (at !== -1) queue.splice(at, 1)
          signal.changed()
        })
      })

    const reading = <A, E>(read: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        reads++
        signal.changed()
        return Effect.andThen(readGate, read)
      })

    const store: EventStore.EventStore["Service"] = {
      ...behind,
      append,
      readPage: (request) => reading(behind.readPage(request)),
      readStreamPage: (request) => reading(behind.readStreamPage(request))
    }
    const grant = (count: number) =>
      Effect.sync(() => {
        credits = count
        signal.changed()
      })
    return Context.make(EventStore.EventStore, store).pipe(Context.add(Control, {
      behind,
      hold: grant(0),
      open: grant(Number.POSITIVE_INFINITY),
      release: (count) =>
        Effect.suspend(() => {
          const until = sent + count
          return Effect.andThen(grant(count), signal.until(() => sent >= until))
        }),
      waiting: (count) => signal.until(() => queue.length >= count),
      faults: (...faults) =>
        Effect.sync(() => {
          script = [...faults]
        }),
      holdReads: (until) =>
        Effect.sync(() => {
          readGate = until
          reads = 0
        }),
      reads: (count) => signal.until(() => reads >= count),
      sent: Effect.sync(() => sent),
      queued: Effect.sync(() => queue.length)
    }))
  })

/** The store and what controls it. Everything passes unless told. */
export const layer = (foreign: ForeignEvent): Layer.Layer<EventStore.EventStore | Control> =>
  Layer.provide(Layer.effectContext(make(foreign)), EventStore.layerMemory)

/** Whether something is stored under a receipt's commit id, asked behind the network. */
export const isStored = (receipt: Option.Option<Commit.Receipt>) =>
  Control.use(({ behind }) =>
    Option.match(receipt, {
      onNone: () => Effect.succeed(false),
      onSome: ({ commitId }) => Effect.map(behind.findCommit(commitId), Option.isSome)
    })
  )
