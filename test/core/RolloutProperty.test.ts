import { describe, expect, it } from "@effect/vitest"
import {
  Aggregate,
  Command,
  Decision,
  Domain,
  Event,
  EventStore,
  EventStoreError,
  ProgramStore,
  Rollout,
  Upcaster
} from "@varve/core"
import { Arbitrary, Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"

const seed = "rollouts"

const zero = Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(0)))

class Counted1 extends Event.make("Counted", { n: Schema.Int }) {}
class Counted2 extends Event.make("Counted", { n: Schema.Int }).revise(
  2,
  { n: Schema.Int, a: zero },
  ({ n }) => ({ n }),
  ({ n }) => ({ n })
) {}
class Tallied2 extends Event.make("Tallied", { n: Schema.Int }).revise(
  2,
  { n: Schema.Int, a: zero },
  ({ n }) => ({ n }),
  ({ n }) => ({ n })
) {}
class Tallied4 extends Event.make("Tallied", { n: Schema.Int })
  .revise(2, { n: Schema.Int, a: zero }, ({ n }) => ({ n }), ({ n }) => ({ n }))
  .revise(3, { n: Schema.Int, a: zero, b: zero }, ({ a, n }) => ({ n, a }), ({ a, n }) => ({ n, a }))
  // This one has no way down.
  .revise(4, { n: Schema.Int, c: zero }, ({ n }) => ({ n }))
{}
class Marked extends Event.make("Marked", {}) {}

class Count extends Command.make("Count", { n: Schema.Int }) {}
class Mark extends Command.make("Mark") {}

/** What every release makes of its event: they differ in their tags and revisions alone. */
type Counted = typeof Counted1

/** One release, by its event, and whether it has marks. */
const release = (name: string, event: Event.Any, marks: boolean, upcaster: Upcaster.Options = {}) => {
  // Every release reads and makes `n`; what else its newest revision has is optional when it is made.
  const counted = event as Counted
  const Tally = Aggregate.make("Tally", {
    id: Schema.String,
    state: Schema.Int,
    commands: [Count, Mark],
    // Where there are no marks, nobody sends the command.
    events: (marks ? [counted, Marked] : [counted]) as [Counted, typeof Marked],
    rejections: []
  }).decider({
    initial: 0,
    decide: {
      Count: ({ n }) => Decision.accept(counted.make({ n })),
      Mark: () => Decision.accept(Marked.make({}))
    },
    // The names are those at run time.
    evolve: { [counted.tag as "Counted"]: (sum, { n }) => sum + n, ...(marks ? { Marked: (sum) => sum } : {}) } as {
      readonly Counted: (sum: number, event: { readonly n: number }) => number
      readonly Marked: (sum: number) => number
    }
  })
  return {
    name,
    marks,
    upcaster,
    counted,
    Tally,
    domain: Domain.make("Tallies", { aggregates: [Tally], projections: [] })
  }
}

const releases = [
  release("tally 1", Counted1, false),
  release("tally 2", Counted2, false),
  release("tally 3", Tallied2, false, { renamed: { Counted: Tallied2 } }),
  release("tally 4", Tallied4, true, { renamed: { Counted: Tallied4 } })
]

type Release = (typeof releases)[number]

interface Running {
  readonly release: Release
  /** It reads what is counted by its type alone, and writes nothing. */
  readonly isReport: boolean
  readonly context: Context.Context<Aggregate.Instances<"Tally"> | Rollout.Rollout | Upcaster.Upcaster>
  /** Ends it well, or by `kill`. */
  readonly end: (isKilled: boolean) => Effect.Effect<void>
}

const away = new EventStoreError.EventStoreError({
  operation: "programs",
  reason: new EventStoreError.Unavailable({ what: "database", expected: "an answer", actual: "none" })
})

/** Starts a release; nothing where it is refused. */
const start = (release: Release, isReport: boolean, isAway: () => boolean) =>
  Effect.gen(function*() {
    const store = yield* Effect.context<EventStore.EventStore | ProgramStore.ProgramStore>()
    const programs = Context.get(store, ProgramStore.ProgramStore)
    let isKilled = false
    const mortal = ProgramStore.ProgramStore.of({
      ...programs,
      enter: (entry) => isAway() ? Effect.fail(away) : programs.enter(entry),
      leave: (id) => isKilled ? Effect.void : programs.leave(id)
    })
    const scope = yield* Scope.make()
    const { domain, name, upcaster } = release
    const layer = domain.layer().pipe(
      Layer.provideMerge(
        Rollout.layer({
          domains: isReport ? [] : [domain],
          reads: isReport ? [release.counted] : [],
          name: isReport ? `report of ${name}` : name,
          upcaster
        })
      ),
      Layer.provide(Layer.succeedContext(Context.add(store, ProgramStore.ProgramStore, mortal)))
    )
    const built = yield* Effect.exit(Layer.buildWithScope(layer, scope))
    if (Exit.isFailure(built)) {
      yield* Scope.close(scope, Exit.void)
      return undefined
    }
    const running: Running = {
      release,
      isReport,
      context: built.value,
      end: (kill) =>
        Effect.suspend(() => {
          isKilled = kill
          return Scope.close(scope, Exit.void)
        })
    }
    return running
  })

const between = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const schedule = Arbitrary.array(
  Arbitrary.all({ what: between(0, 9), which: between(0, 5), n: between(1, 40) }),
  { minLength: 40, maxLength: 60 }
)

type Schedule = typeof schedule extends Arbitrary.Arbitrary<infer A> ? A : never

/** What a running release makes of all that was counted. */
const sumOf = (
  { context, isReport, release: { counted, Tally } }: Running
): Effect.Effect<number, unknown, EventStore.EventStore> =>
  isReport
    ? Effect.gen(function*() {
      const reader = Context.get(context, Upcaster.Upcaster).reader({ aggregates: [], events: [counted] })
      const { events } = yield* EventStore.EventStore.use((store) =>
        // A reader of an event asks for its own type at least.
        store.readPage({ filter: { types: reader.types as [string, ...ReadonlyArray<string>] } })
      )
      const parts = yield* Effect.forEach(events, (event) => Effect.fromResult(reader.upcast(event)))
      return parts.flat().reduce((sum, { event }) => sum + event.n, 0)
    })
    : Effect.map(Effect.provideContext(Tally.load("a"), context), ({ state }) => state)

/** How often a schedule came to something, so that it shows that they come to all of it. */
const seen = { refusedStarts: 0, refusedReports: 0, refusedCounts: 0, refusedMarks: 0, forms: new Set<string>() }

/** Runs a schedule of releases that start, work, end and die. Tells what went wrong. */
const runSchedule = (steps: Schedule): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const running: Array<Running> = []
    let sum = 0
    let isAway = false
    const live = (which: number) => running[which % Math.max(running.length, 1)]
    for (const [i, { n, what, which }] of steps.entries()) {
      const one = live(which)
      if (what < 3) {
        // As over the years: the newer ones come later, and now and then an older one again.
        const isReport = n % 5 === 0
        const release = releases[Math.min(which % releases.length, Math.floor(i / 5))]!
        const started = yield* start(release, isReport, () => isAway)
        if (started !== undefined) running.push(started)
        else if (isReport) seen.refusedReports++
        else seen.refusedStarts++
      } else if (what === 3 && one !== undefined) {
        running.splice(running.indexOf(one), 1)
        yield* one.end(n % 2 === 0)
      } else if (what === 4) {
        // Sometimes the store cannot be reached meanwhile, and then is there again for the heartbeat of each.
        isAway = which === 0
        yield* TestClock.adjust(n * 1_000)
        if (isAway) {
          isAway = false
          yield* TestClock.adjust("5 seconds")
        }
      } else if (one !== undefined && !one.isReport) {
        const isMark = one.release.marks && n % 2 === 0
        const command = isMark ? Mark.make({}) : Count.make({ n })
        const done = yield* Effect.provideContext(Effect.exit(one.release.Tally.execute("a", command)), one.context)
        if (Exit.isSuccess(done)) sum += isMark ? 0 : n
        else if (isMark) seen.refusedMarks++
        else seen.refusedCounts++
      }
      for (const one of running) {
        const name = one.isReport ? `report of ${one.release.name}` : one.release.name
        const read = yield* Effect.exit(sumOf(one))
        if (Exit.isFailure(read)) return `${name} cannot read: ${JSON.stringify(read.cause)}`
        if (read.value !== sum) return `${name} reads ${read.value}, not ${sum}`
      }
    }
    const { events } = yield* EventStore.EventStore.use((store) => store.readPage({}))
    for (const { revision, type } of events) seen.forms.add(`${type} ${revision}`)
    yield* Effect.forEach(running, ({ end }) => end(false))
    return undefined
  }).pipe(Effect.scoped, Effect.provide(EventStore.layerMemory), Effect.orDie)

describe("Rollout", () => {
  it.effect(
    "lets no release at work meet an event that it cannot read: any schedule of releases",
    () =>
      Effect.gen(function*() {
        const result = yield* Arbitrary.checkEffect(
          schedule,
          (steps) =>
            Effect.flatMap(
              runSchedule(steps),
              (wrong) => wrong === undefined ? Effect.succeed(true) : Effect.fail(wrong)
            ),
          { runs: 150, maxShrinks: 100, seed }
        )
        expect(Arbitrary.formatCheckFailure(result), `seed ${seed}`).toBeUndefined()
        expect(seen.refusedStarts).toBeGreaterThan(20)
        expect(seen.refusedReports).toBeGreaterThan(5)
        expect(seen.refusedCounts).toBeGreaterThan(5)
        expect(seen.refusedMarks).toBeGreaterThan(5)
        expect([...seen.forms].sort()).toEqual(["Counted 1", "Counted 2", "Marked 1", "Tallied 2", "Tallied 4"])
      }),
    60_000
  )
})
