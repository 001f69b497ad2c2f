/**
 * Commands on accounts of 10,000 events beside commands on accounts of 10: with states that are kept in the process, and by
 * a process that has seen none of them and begins with snapshots. Without either a command reads the whole stream.
 */
import { EventStore, Snapshots, SnapshotStore, StateCache, StreamName, Upcaster } from "@varve/core"
import { BankAccount, Deposit } from "@varve/example-bank/BankAccount"
import { Effect, Layer, ManagedRuntime, Option } from "effect"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { type Contender, interleave, latencies } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

/** A command on the long one costs at most this many times one on the short one. */
const target = { atMost: 2 }

const perCommit = 500
const every = 500

/** Accounts that one program works on: what others write to would be a conflict for it. */
interface Accounts {
  readonly name: string
  readonly accounts: number
  readonly events: number
  /** Commands of a round. */
  readonly commands: number
}

// Each short one gets one command a round, so that it stays short.
const short = (way: string): Accounts => ({ name: `${way}-short`, accounts: 60, events: 10, commands: 60 })
const long = (way: string, accounts = 4, commands = 60): Accounts => ({
  name: `${way}-long`,
  accounts,
  events: 10_000,
  commands
})

// As far behind their snapshots as they come to be: not at all, and a quarter, a half and three quarters of the way.
const behind = [0, 1, 2, 3].map((quarters) => quarters * every / 4)

const idOf = ({ accounts, name }: Accounts, i: number) => BankAccount.id.make(`${name}-${i % accounts}`)

/** Loads one, so that a snapshot is saved: a layer that closes waits for that. */
const save = Effect.fnUntraced(function*(id: typeof BankAccount.id.Type, stream: StreamName.StreamName) {
  const instances = Layer.fresh(BankAccount.layer).pipe(Layer.provide(Snapshots.layer({ every })))
  yield* Effect.provide(BankAccount.load(id), instances)
  const found = yield* SnapshotStore.SnapshotStore.use(({ find }) => find(stream, BankAccount.revision))
  if (Option.isNone(found)) return yield* Effect.die(new Error(`no snapshot of ${StreamName.format(stream)}`))
})

/** Snapshots of the long ones, and more events behind them. */
const prepare = (accounts: Accounts) =>
  Effect.forEach(behind, (count, i) =>
    Effect.gen(function*() {
      const id = idOf(accounts, i)
      const stream = StreamName.make("BankAccount", id)
      yield* save(id, stream)
      const event = { type: "MoneyDeposited", revision: 2, payload: { cents: 1, currency: "EUR" } }
      const [first, ...others] = Array.from({ length: count }, () => event)
      if (first === undefined) return
      const { append } = yield* EventStore.EventStore
      yield* append({ writes: [{ stream, expected: "exists", events: [first, ...others] }] })
    }), { discard: true })

/** A round, one command after the other: milliseconds of the one in the middle. */
const commands = (accounts: Accounts) =>
  Effect.gen(function*() {
    const millis: Array<number> = []
    for (let i = 0; i < accounts.commands; i++) {
      const from = performance.now()
      yield* BankAccount.execute(idOf(accounts, i), Deposit.make({ cents: 1, currency: "EUR" }))
      millis.push(performance.now() - from)
    }
    const { p50, p99 } = latencies(millis)
    return { value: p50, p50, p99 }
  })

const onServer = async (url: string, settings: Settings, report: Report): Promise<void> => {
  const { rounds = 9 } = settings
  report.condition(`${rounds} rounds in turn of 60 commands, one caller; medians of medians`)
  report.condition(
    `snapshots after ${every} events: the long ones are ${behind.join(", ")} events behind theirs, and more`
  )
  const services = Layer.provideMerge(Upcaster.layer(), store.layer(url))
  const program = <E>(states: Layer.Layer<never, E, SnapshotStore.SnapshotStore>) =>
    ManagedRuntime.make(Layer.fresh(BankAccount.layer).pipe(Layer.provide(states), Layer.provideMerge(services)))
  const cached = program(StateCache.layer({ capacity: 1_000 }))
  const snapped = program(Snapshots.layer({ every }))
  const plain = program(Layer.empty)
  const ways = [
    { way: "cache", runtime: cached, few: short("cache"), many: long("cache"), target },
    { way: "snapshots", runtime: snapped, few: short("snapshots"), many: long("snapshots"), target },
    { way: "neither", runtime: plain, few: short("neither"), many: long("neither", 1, 4), target: undefined }
  ] as const
  try {
    for (const { few, many } of ways) {
      report.progress(`writing ${many.accounts} streams of ${many.events.toLocaleString("en")} events`)
      await plain.runPromise(Effect.andThen(
        bank.writeAccounts({ ...few, perCommit }),
        bank.writeAccounts({ ...many, perCommit })
      ))
    }
    await plain.runPromise(prepare(ways[1].many))
    await server.query(url, "VACUUM ANALYZE")
    const contenders = ways.flatMap(({ few, many, runtime }) =>
      [few, many].map((accounts): Contender => ({
        name: accounts.name,
        unit: "ms",
        round: () => runtime.runPromise(commands(accounts))
      }))
    )
    const results = await interleave(contenders, { rounds, onRound: report.onRound(rounds) })
    for (const { few, many, target, way } of ways) {
      const [fewer, more] = [few, many].map(({ events, name }) => ({
        ...results[name]!,
        name: `${events.toLocaleString("en")} events`
      }))
      report.measure(way, fewer!)
      report.measure(way, more!)
      report.ratio(`a command on 10,000 events to one on 10, ${way}`, more!, fewer!, target)
    }
  } finally {
    for (const { runtime } of ways) await runtime.dispose()
  }
}

export const bench: Bench = {
  about: "a command on a stream of 10,000 events to one on a stream of 10, with a cache and with snapshots",
  run: (settings, report) => server.withDatabase(report, (url) => onServer(url, settings, report))
}
