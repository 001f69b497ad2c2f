import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId, EventStore, Rows } from "@varve/core"
import type { Optimistic } from "@varve/http/client"
import { Context, DateTime, Effect, Exit, Layer, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import { Account, Close, Deposit, Id, Open, Withdraw } from "../core/Account.ts"
import { random } from "../support/random.ts"
import * as World from "./OptimisticWorld.ts"

const seeds = Number(process.env["VARVE_OPTIMISTIC_SEEDS"] ?? 30)
const first = Number(process.env["VARVE_OPTIMISTIC_SEED"] ?? 1)

const ids = ["ada", "bob", "cy"].map((id) => Id.make(id))
type Given = Parameters<typeof Account.execute>[1]

/** What a client has shown of one row, once. */
interface Seen {
  /** Tells the watches apart: of another client, another life of it, or opened anew. */
  readonly watch: string
  readonly projection: typeof World.Balances | typeof World.Totals
  readonly key: string
  readonly confirmed: unknown
  readonly row: unknown
  readonly position: number
  /** Commands on top, oldest first. */
  readonly on: ReadonlyArray<Optimistic.Pending>
  /** Ids of commands that the server has not got. */
  readonly queued: ReadonlySet<string>
}

/** A command that somebody has given, and what was said to it. */
interface Gave {
  readonly commitId: CommitId.CommitId
  readonly id: string
  readonly command: Given
  outcome: Exit.Exit<Aggregate.Executed<unknown, unknown>, unknown> | undefined
}

const envelope = (key: string) => ({
  key,
  stream: { tenant: "", category: "Account", id: key },
  version: 1,
  eventId: "1",
  occurredAt: DateTime.makeUnsafe(0),
  actor: undefined,
  correlationId: undefined,
  causationId: undefined,
  user: undefined
})

interface Tagged {
  readonly _tag: string
}

/** Runs clients against a server over connections of bad weather, until all is quiet. */
const run = (seed: number) =>
  Effect.gen(function*() {
    const chance = random(seed)
    const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(chance() * all.length)]!
    const scope = yield* Effect.scope
    const server = yield* Layer.build(World.server(pick(["live", "async"] as const)))
    const seen: Array<Seen> = []
    const gave: Array<Gave> = []
    const stops: Array<() => void> = []
    const failed = new Set<string>()
    let lives = 0

    const clients = yield* Effect.forEach([0, 1], (number) =>
      Effect.gen(function*() {
        const weather = World.weather(random(seed * 10 + number))
        const storage = World.storage()
        const start = Effect.gen(function*() {
          const client = yield* World.open(server, scope, weather, {
            storage,
            retryAtMost: "1 second",
            rowsWithin: "10 minutes",
            idleFor: "1 minute"
          })
          watchAll(client.optimistic)
          return client
        })
        return { weather, start, open: yield* start }
      }))

    function watchAll(client: Optimistic.Optimistic["Service"]) {
      const life = ++lives
      const see = (
        watch: string,
        projection: Seen["projection"],
        key: string,
        around: Pick<Optimistic.Row<unknown>, "position" | "loading">,
        row: Pick<Optimistic.Row<unknown>, "row" | "confirmed" | "pending">
      ) => {
        if (around.loading) return
        const pending = client.pending.getSnapshot()
        const on = pending.filter(({ commitId }) => row.pending.includes(commitId))
        // Whoever is on top of a row is on its way.
        assert.strictEqual(on.length, row.pending.length)
        seen.push({
          watch: `${life} ${watch}`,
          projection,
          key,
          confirmed: Option.getOrUndefined(row.confirmed),
          row: Option.getOrUndefined(row.row),
          position: around.position,
          on,
          queued: new Set(pending.filter(({ status }) => status === "queued").map(({ commitId }) => commitId))
        })
      }
      const row = (projection: Seen["projection"], key: string) =>
        World.watch<Optimistic.Row<unknown>>(
          client.row(projection, key),
          (row) => see("row", projection, key, row, row)
        )
      const list = client.list(World.Balances, { index: "richest" })
      stops.push(
        World.watch(client.failed, (all) => all.forEach(({ commitId }) => failed.add(commitId))),
        ...ids.slice(0, 2).map((id) => row(World.Balances, id)),
        row(World.Totals, "all"),
        World.watch(list, (list) => {
          const places = list.rows.map(({ row }) => row.balance)
          assert.deepStrictEqual(places, [...places].sort((a, b) => a - b))
          for (const one of list.rows) {
            see("list", World.Balances, one.key, list, { ...one, row: Option.some(one.row) })
          }
        })
      )
    }

    const commandOf = (): Given => {
      const cents = 1 + Math.floor(chance() * 30)
      const what = chance()
      if (what < 0.2) return Open.make({ owner: pick(["Ada", "Bob"]) })
      if (what < 0.6) return Deposit.make({ cents })
      return what < 0.95 ? Withdraw.make({ cents }) : Close.make({})
    }

    for (let step = 0; step < 30; step++) {
      const client = pick(clients)
      const { weather } = client
      const what = chance()
      if (what < 0.6) {
        const one: Gave = {
          commitId: CommitId.generateUnsafe(),
          id: pick(ids),
          command: commandOf(),
          outcome: undefined
        }
        gave.push(one)
        yield* Effect.forkIn(
          Effect.tap(
            Effect.exit(client.open.run(Account.execute(Id.make(one.id), one.command, { commitId: one.commitId }))),
            (exit) => Effect.sync(() => one.outcome = exit)
          ),
          scope
        )
      } else if (what < 0.7) weather.connected = !weather.connected
      else if (what < 0.8) {
        weather.delay = pick([0, 20, 400])
        weather.dropBefore = pick([0, 0.3])
        weather.dropAfter = pick([0, 0.4])
        weather.early = pick([0, 0.5])
      } else if (what < 0.88) {
        yield* client.open.close
        client.open = yield* client.start
      } else if (what < 0.94) {
        const id = pick(ids)
        const { run } = client.open
        const read = chance() < 0.5
          ? Effect.ignore(run(Account.load(id)))
          : Effect.ignore(run(World.Balances.get(id)))
        yield* Effect.forkIn(read, scope)
      }
      yield* TestClock.adjust(pick([0, 1, 50, 700]))
    }
    for (const { open, weather } of clients) {
      Object.assign(weather, { delay: 0, dropBefore: 0, dropAfter: 0, early: 0, connected: true })
      open.optimistic.wake()
    }
    const quiet = () => clients.every(({ open }) => open.optimistic.pending.getSnapshot().length === 0)
    for (let i = 0; i < 60 && !(i > 5 && quiet()); i++) yield* TestClock.adjust(2_000)
    for (const stop of stops) stop()
    assert.isTrue(quiet(), "all commands have come to something")

    const store = Context.get(server, EventStore.EventStore)
    const { events } = yield* store.readPage({ after: 0, limit: 10_000 })
    return { clients, events, failed, gave, seen, server }
  })

type Run = Effect.Success<ReturnType<typeof run>>

/** Every value that a row has had, in order, with the commits that have made it. */
const historyOf = ({ events }: Run, projection: Seen["projection"], key: string) => {
  const values: Array<unknown> = [undefined]
  const commits: Array<ReadonlySet<string>> = [new Set()]
  const positions = [0]
  for (const stored of events) {
    const event = { _tag: stored.type, ...stored.payload as object }
    const about = { ...envelope(key), stream: stored.stream }
    if (
      !projection.events.some(({ tag }) => tag === stored.type) || !Rows.keysOf(projection, event, about).includes(key)
    ) {
      continue
    }
    values.push(Rows.fold<any>(projection, values.at(-1), event, about))
    commits.push(new Set([...commits.at(-1)!, stored.commitId]))
    positions.push(stored.position)
  }
  return { values, commits, positions }
}

const check = (it: Run) =>
  Effect.gen(function*() {
    const { clients, events, failed, gave, seen, server } = it
    const stored = new Set<string>(events.map(({ commitId }) => commitId))
    for (const { command, commitId, outcome } of gave) {
      if (outcome === undefined) assert.fail(`no outcome of ${commitId}`)
      if (Exit.isSuccess(outcome)) {
        assert.strictEqual(stored.has(commitId), Option.isSome(outcome.value.receipt), "what was accepted is stored")
        continue
      }
      const error = Option.getOrThrow(Exit.findErrorOption(outcome))
      // Nobody knew when the client was closed; what it had kept has come to something since.
      const unknown = error instanceof Aggregate.ExecutionError && error.reason._tag === "OutcomeUnknown"
      if (!unknown) assert.isFalse(stored.has(commitId), "what was rejected is not stored")
      // One that was closed already is closed again without an event.
      else if (command._tag !== "Close") {
        assert.isTrue(stored.has(commitId) || failed.has(commitId), `${commitId} has come to something`)
      }
    }
    for (const commitId of failed) assert.isFalse(stored.has(commitId), "what has failed is not stored")
    // The last that was shown is what the server has.
    for (const id of ids) {
      const truth = yield* Effect.provide(World.Balances.get(id), server)
      for (const { open } of clients) {
        const last = yield* open.run(World.Balances.get(id))
        assert.deepStrictEqual(last, truth)
        const { rows } = yield* open.run(World.Balances.list())
        assert.deepStrictEqual(rows.find(({ key }) => key === id)?.row, Option.getOrUndefined(truth))
      }
    }
    yield* checkSeen(it, seen)
  })

/** The events that a command is shown with: as predicted, and once it is stored as they are. */
const shownOf = ({ events }: Run, { commitId, prediction, status }: Optimistic.Pending): ReadonlyArray<Tagged> => {
  if (status !== "stored") return prediction._tag === "Accepted" ? prediction.events as ReadonlyArray<Tagged> : []
  return events.filter((stored) => stored.commitId === commitId)
    .map(({ payload, type }) => ({ _tag: type, ...payload as object }))
}

/** Whether every row that was shown was right when it was shown. */
const checkSeen = (it: Run, seen: ReadonlyArray<Seen>) =>
  Effect.sync(() => {
    const stored = new Set<string>(it.events.map(({ commitId }) => commitId))
    const histories = new Map<string, ReturnType<typeof historyOf>>()
    const last = new Map<string, { position: number; at: number; shown: Set<string> }>()
    for (const { confirmed, key, on, position, projection, queued, row, watch } of seen) {
      const name = `${projection.tag} ${key}`
      const history = histories.get(name) ?? historyOf(it, projection, key)
      histories.set(name, history)
      const before = last.get(`${watch} ${name}`) ?? { position: 0, at: 0, shown: new Set() }
      assert.isAtLeast(position, before.position, `${name}: positions do not go back`)
      // A row that is in no list has no value there.
      const unlisted = watch.endsWith("list") && confirmed === undefined
      const at = unlisted
        ? before.at
        : history.values.findIndex((value, i) =>
          i >= before.at && (history.positions[i + 1] ?? Infinity) > position
          && JSON.stringify(value) === JSON.stringify(confirmed)
        )
      assert.isAtLeast(
        at,
        0,
        `${name}: ${JSON.stringify(confirmed)} is a value that the row has had since`
      )
      let folded = confirmed
      for (const command of on) {
        for (const event of shownOf(it, command)) {
          const about = { ...envelope(key), stream: { tenant: "", category: "Account", id: command.id } }
          if (!projection.events.some(({ tag }) => tag === event._tag)) continue
          if (Rows.keysOf(projection, event, about).includes(key)) {
            folded = Rows.fold<any>(projection, folded, event, about)
          }
        }
      }
      if (!unlisted) {
        assert.deepStrictEqual(row, folded, `${name}: what is shown is what is confirmed, and pending events on top`)
      }
      const included = history.commits[at]!
      if (!unlisted) {
        for (const { commitId } of on) {
          assert.isFalse(included.has(commitId), `${name}: ${commitId} counts twice`)
        }
      }
      // What nobody has got is decided anew, and may come to nothing then.
      for (const commitId of queued) before.shown.delete(commitId)
      for (const commitId of before.shown) {
        const still = included.has(commitId) || on.some((one) => one.commitId === commitId)
          || !stored.has(commitId)
        if (!unlisted) {
          assert.isTrue(still, `${name}: ${commitId} was shown, and is no more`)
        }
      }
      // What may have been sent is not decided anew.
      for (const { commitId, status } of on) if (status !== "queued") before.shown.add(commitId)
      last.set(`${watch} ${name}`, { position, at, shown: before.shown })
    }
  })

describe("an optimistic client in bad weather", () => {
  it.effect(
    `shows nothing wrong, and ends as the server: seeds ${first} to ${first + seeds - 1}`,
    () =>
      Effect.gen(function*() {
        let shown = 0
        let pending = 0
        for (let seed = first; seed < first + seeds; seed++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const it = yield* run(seed)
            yield* check(it)
            shown += it.seen.length
            pending += it.seen.filter(({ on }) => on.length > 0).length
          })).pipe(
            Random.withSeed(seed),
            Effect.tapCause((cause) => Effect.sync(() => console.log(`seed ${seed}`, String(cause).slice(0, 2_000))))
          )
        }
        // The weather was bad enough to see something.
        assert.isAbove(pending, seeds * 5)
        assert.isAbove(shown, seeds * 20)
      }),
    120_000
  )
})
