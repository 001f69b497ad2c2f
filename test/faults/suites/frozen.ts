/**
 * The owner of projections stands still, as a process does on a machine that has no time for it, until others have taken
 * over; then it wakes up and goes on where it was. Here on purpose: in front of a batch, inside of its transaction, or
 * somewhere.
 */
import { Projection } from "@varve/core"
import { Effect, Option, Schedule, type Scope } from "effect"
import { Chains, Journal } from "../../postgres/programs/projectDefinitions.ts"
import type { Orders } from "../../postgres/programs/projectRunner.ts"
import * as Program from "../../support/Program.ts"
import { conclude } from "../conclude.ts"
import { Crew } from "../Crew.ts"
import * as Place from "../Place.ts"
import * as Plan from "../Plan.ts"
import { database, type Suite, wanted } from "../Suite.ts"

/** Where the owner is frozen, and at which of its batches; and who goes on alone when both are awake again. */
export interface Round {
  readonly where: "before" | "within" | "anywhere"
  readonly at: number
  readonly millis: number
  readonly survivor: "first" | "second"
}

const wheres: ReadonlyArray<Round["where"]> = ["before", "anywhere", "within"]

/** What a round takes, about. */
const roundSeconds = 3

/** The rounds of a run. */
export const plan = (seed: number, seconds: number): ReadonlyArray<Round> => {
  const chance = new Plan.Chance(seed)
  const rounds = Math.max(wheres.length, Math.floor(seconds / roundSeconds))
  return Array.from({ length: rounds }, (_, i) => ({
    where: i < wheres.length ? wheres[i]! : chance.of(wheres),
    at: chance.between(1, 5),
    millis: chance.between(50, 500),
    survivor: chance.of(["first", "second"])
  }))
}

const options: Projection.RunOptions = { pageSize: 3, lease: "1 second", poll: "50 millis" }

const patience = "20 seconds"

const start = (url: string, name: string, stop?: Orders["stop"]) => {
  const orders: Orders = { run: "projections", options: { ...options, name }, stop }
  return Program.start("projectRunner.ts", [url, JSON.stringify(orders)])
}

const signal = (program: Program.Program, name: "SIGSTOP" | "SIGCONT") =>
  Effect.sync(() => void process.kill(program.pid, name))

/** Waits until one of the projections, or both, have no owner of this name any more. */
const lost = (name: string, least: number) =>
  Effect.all([Projection.status(Chains), Projection.status(Journal)]).pipe(
    Effect.map((all) =>
      all.filter(Option.exists(({ owners }) => !owners.some((owner) => owner.startsWith(name)))).length >= least
    ),
    Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (gone) => gone }),
    Effect.timeout(patience)
  )

const committed = (line: string) => /^committed [1-9]/.test(line)

const levels = Effect.all([
  Projection.whenCaughtUp(Chains, { timeout: patience }),
  Projection.whenCaughtUp(Journal, { timeout: patience })
])

/** How often an owner that woke up was told that its batch is not taken. */
interface Tally {
  lost: number
}

/** One owner is frozen, another takes over, the first wakes up, and one of them goes on alone. */
const play = (url: string, number: number, round: Round, tally: Tally) =>
  Effect.gen(function*() {
    const { at, millis, survivor, where } = round
    const [one, two] = [`first-${number}`, `second-${number}`]
    const stop = { before: { at, when: "before" }, within: { at, when: "twice" }, anywhere: undefined } as const
    const first = yield* start(url, one, stop[where])
    yield* where === "anywhere"
      ? Effect.andThen(Program.hear(first, committed), Effect.sleep(millis))
      : Program.hear(first, "stopped")
    if (where !== "within") yield* signal(first, "SIGSTOP")
    const second = yield* start(url, two)
    if (where === "within") {
      // The second has found its entries before the first has locked them.
      yield* Program.hear(second, "opened")
      yield* Program.hear(second, "opened")
      yield* first.send("go on")
      yield* Program.hear(first, "stopped")
      yield* signal(first, "SIGSTOP")
    }
    // What a transaction holds nobody can take, but the lease of it runs out.
    yield* lost(one, where === "within" ? 1 : 2)
    if (where !== "within") yield* Program.hear(second, committed)
    yield* Effect.sleep(millis)
    if (where !== "anywhere") yield* first.send("go on")
    yield* signal(first, "SIGCONT")
    if (where === "before") {
      yield* Program.hear(first, "answered Lost")
      tally.lost++
    }
    yield* (survivor === "first" ? second : first).kill
    yield* levels
  }).pipe(Effect.scoped)

export const suite: Suite = {
  name: "frozen",
  about: "SIGSTOP of the owner of projections, until its lease has moved",
  seconds: 15,
  run: (options) =>
    Effect.gen(function*() {
      const url = yield* database(options)
      const place = Place.server(url)
      const crew = new Crew(options.seed)
      const writer = yield* crew.recruit(place)
      yield* crew.work(writer, { lanes: 2, restMillis: 40 })
      const rounds = plan(options.seed, options.seconds)
      const tally: Tally = { lost: 0 }
      const violations: Array<string> = []
      const { context } = yield* Place.open(place).pipe(Effect.orDie)
      for (const [i, round] of rounds.entries()) {
        const what = `round ${i + 1}, frozen ${round.where}`
        yield* play(url, i, round, tally).pipe(
          Effect.provideContext(context),
          Effect.catchCause((cause) => Effect.sync(() => void violations.push(`${what}: ${String(cause)}`)))
        )
      }
      yield* crew.finish(writer)
      const last: Effect.Effect<unknown, never, Scope.Scope> = start(url, "last")
      yield* last
      const concluded = yield* conclude(place, crew.ledger, ["Chains", "Journal"])
      return {
        counts: { ...concluded.counts, rounds: rounds.length, batchesNotTaken: tally.lost },
        violations: [
          ...violations,
          ...concluded.violations,
          ...wanted("batches of an earlier owner that were not taken", 1, tally.lost)
        ]
      }
    })
}
