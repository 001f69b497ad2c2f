/**
 * A rolling deploy: two releases of a program at work on one database, each in a process of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, ProgramStore, type StoredEvent } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Fiber, Redacted, type Scope, Stream } from "effect"
import * as Program from "../support/Program.ts"
import * as TestServer from "../support/TestServer.ts"
import type { Books, Orders, Report } from "./programs/rolloutRelease.ts"

/** What both releases are given to do together; `npm run verify:rollout` gives them 10,000. */
const commands = Number(process.env.VARVE_ROLLOUT_COMMANDS ?? 1_000)
const share = (of10: number) => commands / 10 * of10

const start = (url: string, release: Orders["release"], parts: Partial<Orders> = {}) => {
  const orders: Orders = { release, accounts: 100, expiry: 30_000, ...parts }
  return Program.start("rolloutRelease.ts", [url, JSON.stringify(orders)])
}

/** Reads what a program says, up to a line that begins with a word, and tells what follows it. */
const hear = (program: Program.Program, word: string): Effect.Effect<string> =>
  Effect.gen(function*() {
    while (true) {
      const line = yield* program.line
      if (line.startsWith(`${word} `) || line === word) return line.slice(word.length + 1)
      assert.isTrue(line.startsWith("worked "), `"${word}" expected, got "${line}"`)
    }
  })

const work = (program: Program.Program, commands: number): Effect.Effect<Report> =>
  Effect.andThen(program.send(`work ${commands}`), Effect.map(hear(program, "done"), (json) => JSON.parse(json)))

const books = (program: Program.Program): Effect.Effect<Books> =>
  Effect.andThen(program.send("read"), Effect.map(hear(program, "read"), (json) => JSON.parse(json)))

const allEvents = Stream.runCollect(EventStore.readAll({ limit: 5_000 }))

const formsOf = (events: ReadonlyArray<StoredEvent.StoredEvent>) =>
  [...new Set(events.map(({ revision, type }) => `${type} ${revision}`))].sort()

const byOf = ({ payload }: StoredEvent.StoredEvent): string => String((payload as { readonly by?: unknown }).by)

/** How often one release goes on with a stream where the other was. */
const turns = (events: ReadonlyArray<StoredEvent.StoredEvent>): number => {
  const last = new Map<string, string>()
  let count = 0
  for (const event of events.filter(({ type }) => type === "MoneyDeposited")) {
    const [release] = byOf(event).split("-")
    const before = last.get(event.stream.id)
    if (before !== undefined && before !== release) count++
    last.set(event.stream.id, release!)
  }
  return count
}

/** Fails unless every deposit that was acknowledged is there once, and nothing else. */
const judge = (reports: ReadonlyArray<Report>, read: Books, stored: ReadonlyArray<StoredEvent.StoredEvent>) => {
  const acknowledged = reports.flatMap(({ deposits }) =>
    Object.entries(deposits).flatMap(([account, names]) => names.map((by) => `${account} ${by}`))
  )
  const deposits = stored.filter(({ type }) => type === "MoneyDeposited")
  assert.deepStrictEqual(
    deposits.map((event) => `${event.stream.id} ${byOf(event)}`).sort(),
    acknowledged.toSorted()
  )
  const effects = Object.entries(read.accounts).flatMap(([account, { deposits }]) =>
    Object.entries(deposits).map(([by, times]) => {
      assert.strictEqual(times, 1, `${by} on ${account}`)
      return `${account} ${by}`
    })
  )
  assert.deepStrictEqual(effects.sort(), acknowledged.toSorted())
  for (const [account, { deposits, euros, owner }] of Object.entries(read.accounts)) {
    assert.strictEqual(owner, account)
    assert.strictEqual(euros, Object.keys(deposits).length)
  }
  assert.strictEqual(read.total, acknowledged.length)
}

const onServer = (
  name: string,
  body: (url: string) => Effect.Effect<
    void,
    unknown,
    EventStore.EventStore | ProgramStore.ProgramStore | Scope.Scope
  >
) =>
  it.live(
    name,
    () =>
      Effect.flatMap(
        TestServer.database,
        (url) => Effect.provide(body(url), Postgres.layerPool({ url: Redacted.make(url) }))
      ).pipe(Effect.scoped, Effect.timeout("110 seconds")),
    120_000
  )

describe.skipIf(TestServer.skipped !== undefined)("a rolling deploy on a server", () => {
  onServer(
    `of ${commands.toLocaleString("en")} commands: nothing is unreadable for either release, and then the switch`,
    (url) =>
      Effect.gen(function*() {
        const old = yield* start(url, "old")
        yield* hear(old, "ready")
        const next = yield* start(url, "new")
        yield* hear(next, "ready")

        const together = yield* Effect.all([work(old, share(4)), work(next, share(3))], { concurrency: 2 })
        // Both have gone through the same streams, in each other's way.
        const before = yield* allEvents
        assert.deepStrictEqual(formsOf(before), ["AccountOpened 1", "MoneyDeposited 1"])
        assert.isAbove(turns(before), commands / 20)
        const read = yield* books(old)
        assert.deepStrictEqual(read, yield* books(next))
        judge(together, read, before)

        // The old release ends while the new one works, and the new one hears of it by itself.
        const onward = yield* Effect.forkChild(work(next, share(2)))
        yield* old.send("end")
        const ended = Number(yield* hear(old, "ended"))
        yield* old.exit
        const during = yield* Fiber.join(onward)
        yield* next.send("settle")
        const settled = Number(yield* hear(next, "settled"))
        const reports = [...together, during, yield* work(next, share(1))]

        const after = yield* allEvents
        assert.deepStrictEqual(formsOf(after.slice(0, ended)), ["AccountOpened 1", "MoneyDeposited 1"])
        assert.deepStrictEqual(formsOf(after.slice(settled)), ["MoneyDeposited 2"])
        judge(reports, yield* books(next), after)
        for (const { failures } of reports) assert.deepStrictEqual(failures, [])
        for (const { reads } of together) assert.isAbove(reads, 0)
        const deposits = after.filter(({ type }) => type === "MoneyDeposited")
        assert.strictEqual(deposits.length, commands)
        const count = (report: Report) => Object.values(report.deposits).flat().length
        assert.deepStrictEqual(reports.map(count), [4, 3, 2, 1].map(share))

        const late = yield* start(url, "old")
        const refusal = yield* hear(late, "refused")
        yield* late.exit
        assert.match(refusal, /^program bank 1\.0: expected one that reads revision \d of \w+ in Account/)
        assert.include(refusal, "bank 2.0")
        const programs = yield* ProgramStore.ProgramStore.use(({ programs }) => programs)
        assert.deepStrictEqual(programs.map(({ name }) => name), ["bank 2.0"])
      })
  )

  onServer(
    "whose old release is killed: the new one goes on without it when its time is over",
    (url) =>
      Effect.gen(function*() {
        const parts = { accounts: 10, expiry: 1_500 }
        const old = yield* start(url, "old", parts)
        yield* hear(old, "ready")
        const next = yield* start(url, "new", parts)
        yield* hear(next, "ready")
        const first = yield* work(next, 200)
        yield* old.send("work 100000")
        yield* hear(old, "worked")
        yield* old.kill
        const killed = (yield* allEvents).length
        const second = yield* work(next, 200)
        yield* next.send("settle")
        const settled = Number(yield* hear(next, "settled"))
        const third = yield* work(next, 200)
        const events = yield* allEvents
        assert.deepStrictEqual(formsOf(events.slice(0, killed)), ["AccountOpened 1", "MoneyDeposited 1"])
        assert.deepStrictEqual(formsOf(events.slice(settled)), ["MoneyDeposited 2"])
        for (const { failures } of [first, second, third]) assert.deepStrictEqual(failures, [])
        const { accounts, total } = yield* books(next)
        const effects = Object.values(accounts).flatMap(({ deposits }) => Object.values(deposits))
        assert.strictEqual(total, effects.length)
        assert.isTrue(effects.every((times) => times === 1))
      })
  )
})
