/**
 * Two programs that work on the same few accounts at the same time, with caches and snapshots: whatever a command or a load
 * says a state is, must be what the stream tells up to that version.
 */
import { EventStore, Snapshots, StateCache, StreamName, Upcaster } from "@varve/core"
import { Context, Effect, Exit, Layer, Random } from "effect"
import { Account, Deposit, Id, Open, Withdraw } from "./Account.ts"
import type { Settings } from "./StateWorld.ts"

const accounts = 2
const fibers = 12
const calls = 15

const nameOf = (account: number) => Id.make(`account ${account}`)

/** What was said of an account. */
interface Said {
  readonly account: number
  readonly version: number
  readonly state: unknown
}

/** Others come in between. */
const yielding = (store: EventStore.EventStore["Service"]): EventStore.EventStore["Service"] => ({
  ...store,
  append: (commit) => Effect.andThen(Effect.yieldNow, Effect.tap(store.append(commit), () => Effect.yieldNow)),
  readStreamPage: (request) =>
    Effect.andThen(Effect.yieldNow, Effect.tap(store.readStreamPage(request), () => Effect.yieldNow))
})

const program = ({ capacity, every }: Settings) =>
  Layer.build(
    Layer.fresh(Account.layer).pipe(Layer.provide([
      StateCache.layer({ capacity }),
      every === undefined ? Layer.empty : Snapshots.layer({ every })
    ]))
  )

const call = Effect.gen(function*() {
  const account = yield* Random.nextIntBetween(0, accounts - 1)
  const [chance, cents] = [yield* Random.nextIntBetween(1, 10), yield* Random.nextIntBetween(1, 9)]
  const name = nameOf(account)
  const made = yield* Effect.exit(
    chance <= 2
      ? Account.load(name)
      : Account.execute(name, chance <= 7 ? Deposit.make({ cents }) : Withdraw.make({ cents }))
  )
  return Exit.isSuccess(made) ? [{ account, version: made.value.version, state: made.value.state }] : []
})

/** What was said wrongly, and what would have been right. */
export const atOnce = (seed: string, settings: readonly [Settings, Settings]) =>
  Effect.gen(function*() {
    const services = yield* Layer.build(Layer.fresh(EventStore.layerMemory))
    const store = Context.get(services, EventStore.EventStore)
    const below = Layer.merge(
      Layer.succeedContext(Context.add(services, EventStore.EventStore, yielding(store))),
      Upcaster.layer()
    )
    return yield* Effect.gen(function*() {
      const programs = [yield* program(settings[0]), yield* program(settings[1])]
      yield* Effect.forEach([0, 1], (account) =>
        Effect.provideContext(Account.execute(nameOf(account), Open.make({ owner: "Ada" })), programs[0]!))
      const worker = (i: number) =>
        Random.withSeed(
          Effect.forEach(Array.from({ length: calls }), () =>
            Effect.provideContext(call, programs[i % 2]!)),
          `${seed} ${i}`
        )
      const said: ReadonlyArray<Said> = (yield* Effect.forEach(
        Array.from({ length: fibers }, (_, i) => i),
        worker,
        { concurrency: "unbounded" }
      )).flat(2)
      // Each version once: two answers of one version are one state.
      const right = yield* Effect.forEach([0, 1], (account) =>
        Effect.map(
          store.readStreamPage({ stream: StreamName.make("Account", nameOf(account)) }),
          ({ events }) =>
            events.map((_, i) =>
              Account.fold(
                events.slice(0, i + 1).map(({ payload, type }) =>
                  // Written by these programs, in their newest revisions, of numbers and texts.
                  Object.assign({ _tag: type }, payload) as never
                )
              )
            )
        ))
      return said.flatMap((one) => {
        const expected = right[one.account]![one.version - 1]
        return JSON.stringify(one.state) === JSON.stringify(expected) ? [] : [{ ...one, expected }]
      })
    }).pipe(Effect.provide(below))
  }).pipe(Effect.scoped)
