/** A server in memory, and connections to it that delay, repeat, lose and break off. */
import {
  Aggregate,
  Domain,
  EventStore,
  EventStoreError,
  Instances,
  Projection,
  ProjectionError,
  Rows,
  Upcaster
} from "@varve/core"
import { Optimistic } from "@varve/http/client"
import { Context, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { Account, Closed, Deposited, Opened, Withdrawn } from "../core/Account.ts"

const row = Schema.Struct({ owner: Schema.String, balance: Schema.Int, events: Schema.Int })

/** A row an account. It counts its events, so that one that is folded twice, or left out, is seen. */
export class Balances extends Projection.make("Balances", {
  row,
  events: [Opened, Deposited, Withdrawn, Closed],
  indexes: { richest: ["balance"], owner: ["owner"] }
}).fold({
  initial: { owner: "", balance: 0, events: 0 },
  on: {
    Opened: (row, { owner }) => ({ ...row, owner, events: row.events + 1 }),
    Deposited: (row, { cents }) => ({ ...row, balance: row.balance + cents, events: row.events + 1 }),
    Withdrawn: (row, { cents }) => ({ ...row, balance: row.balance - cents, events: row.events + 1 }),
    Closed: () => undefined
  }
}) {}

/** One row of all accounts. */
export class Totals extends Projection.make("Totals", {
  row: Schema.Struct({ cents: Schema.Int, events: Schema.Int }),
  events: [Deposited, Withdrawn]
}).fold({
  initial: { cents: 0, events: 0 },
  key: { Deposited: () => "all", Withdrawn: () => "all" },
  on: {
    Deposited: (row, { cents }) => ({ cents: row.cents + cents, events: row.events + 1 }),
    Withdrawn: (row, { cents }) => ({ cents: row.cents - cents, events: row.events + 1 })
  }
}) {}

export const Bank = Domain.make("Bank", { aggregates: [Account], projections: [Balances, Totals] })

/** Rows that are there with the events, or behind a checkpoint. */
export const server = (mode: "live" | "async") =>
  Bank.layer({ Balances: mode, Totals: mode }).pipe(
    Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))
  )

export type Server = Layer.Success<ReturnType<typeof server>>
export type Client = Optimistic.Optimistic | Domain.Provided<typeof Bank.aggregates, typeof Bank.projections>

/** What happens to calls. Milliseconds, and chances from 0 to 1; nothing unless set. */
export interface Weather {
  /** What chance decides by. */
  readonly random: () => number
  delay: number
  /** A command is lost before the server has got it. */
  dropBefore: number
  /** The answer to a command is lost. */
  dropAfter: number
  /** A change comes twice, first under the position before. */
  early: number
  connected: boolean
  /** Whatever is told to wait here waits until it is let through. */
  gate: ((call: string) => Effect.Effect<void>) | undefined
}

export const weather = (random: () => number): Weather => ({
  random,
  delay: 0,
  dropBefore: 0,
  dropAfter: 0,
  early: 0,
  connected: true,
  gate: undefined
})

const unavailable = () =>
  new EventStoreError.Unavailable({ what: "server", expected: "an answer", actual: "no connection" })

/** The server behind a connection. What it has begun it ends, whoever has gone meanwhile. */
export const connection = (weather: Weather, serverScope: Scope.Scope) => {
  const { random } = weather
  const travel = Effect.suspend(() => weather.delay === 0 ? Effect.void : Effect.sleep(random() * weather.delay))
  const gate = (call: string) => Effect.suspend(() => weather.gate?.(call) ?? Effect.void)
  const failed = (id: string, reason: EventStoreError.Unavailable | EventStoreError.OutcomeUnknown) =>
    new Aggregate.ExecutionError({ aggregate: "Account", id, reason })

  const instances = Effect.map(Instances.of(Account), (running): Instances.Running<typeof Account> => ({
    ...running,
    load: (id, at) =>
      Effect.gen(function*() {
        yield* gate(`load ${id}`)
        yield* travel
        if (!weather.connected) return yield* failed(id, unavailable())
        const loaded = yield* running.load(id, at)
        yield* travel
        return loaded
      }),
    execute: (id, command, options) =>
      Effect.gen(function*() {
        const commitId = options.commitId!
        const lost = failed(id, new EventStoreError.OutcomeUnknown({ commitId }))
        yield* gate(`execute ${command._tag} ${id}`)
        if (!weather.connected) return yield* failed(id, unavailable())
        yield* travel
        if (random() < weather.dropBefore) return yield* lost
        const exit = yield* Fiber.await(yield* Effect.forkIn(running.execute(id, command, options), serverScope))
        yield* gate(`answer ${command._tag} ${id}`)
        yield* travel
        if (!weather.connected || random() < weather.dropAfter) return yield* lost
        return yield* exit
      })
  }))

  const rows = <P extends Projection.Any>(projection: P) =>
    Effect.map(Rows.of(projection), (reading): Rows.Reading<Rows.RowOf<P>> => {
      const cut = new ProjectionError.ProjectionError({ target: projection.tag, reason: unavailable() })
      const ask = <A>(call: string, answer: Effect.Effect<A, ProjectionError.ProjectionError>) =>
        Effect.gen(function*() {
          yield* gate(call)
          yield* travel
          if (!weather.connected) return yield* cut
          const found = yield* answer
          yield* travel
          return found
        })
      return {
        ...reading,
        get: (key, options) => ask(`get ${projection.tag} ${key}`, reading.get(key, options)),
        getMany: (keys, options) => ask(`getMany ${projection.tag}`, reading.getMany(keys, options)),
        list: (query) => ask(`list ${projection.tag}`, reading.list(query)),
        whenCaughtUp: (options) => ask(`whenCaughtUp ${projection.tag}`, reading.whenCaughtUp(options)),
        changes: (of, options) => {
          let position = 0
          return reading.changes(of, options).pipe(
            Stream.flatMap((change) => {
              const before = Math.min(position, change.position)
              position = change.position
              return Stream.fromIterable(
                random() < weather.early ? [{ ...change, position: before }, change] : [change]
              )
            }),
            Stream.mapEffect((change) =>
              Effect.gen(function*() {
                yield* gate(`change ${projection.tag} ${change.key}`)
                yield* travel
                if (!weather.connected) return yield* cut
                return change
              })
            )
          )
        }
      }
    })

  return Layer.mergeAll(
    Instances.layer(Account, instances),
    Rows.layer(Balances, rows(Balances)),
    Rows.layer(Totals, rows(Totals))
  )
}

/** A client on its way: closed with its scope. */
export interface Open {
  readonly context: Context.Context<Client>
  readonly optimistic: Optimistic.Optimistic["Service"]
  readonly run: <A, E, R extends Client>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Client>>
  readonly close: Effect.Effect<void>
}

/** Opens a client of a server. */
export const open = (
  server: Context.Context<Server>,
  serverScope: Scope.Scope,
  weather: Weather,
  options?: Optimistic.Options
): Effect.Effect<Open> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const layer = Optimistic.layer(Bank, options).pipe(
      Layer.provide(connection(weather, serverScope)),
      Layer.provide(Layer.succeedContext(server))
    )
    const context = yield* Layer.buildWithScope(layer, scope)
    return {
      context,
      optimistic: Context.get(context, Optimistic.Optimistic),
      run: (effect) => Effect.provide(effect, context) as never,
      close: Scope.close(scope, Exit.void)
    }
  })

/** A storage that a test looks into. */
export const storage = (): Optimistic.Storage & { text: string | null } => {
  const kept: Optimistic.Storage & { text: string | null } = {
    text: null,
    load: Effect.sync(() => kept.text),
    save: (text: string) =>
      Effect.sync(() => {
        kept.text = text
      })
  }
  return kept
}

/** Listens to a value that changes, and calls back with every value it has. */
export const watch = <A>(live: Optimistic.Live<A>, seen: (value: A) => void): () => void => {
  seen(live.getSnapshot())
  return live.subscribe(() => seen(live.getSnapshot()))
}

/** Waits until a value is as wanted. */
export const until = <A>(live: Optimistic.Live<A>, is: (value: A) => boolean): Effect.Effect<A> =>
  Effect.callback<A>((resume) => {
    let stop = () => {}
    const look = () => {
      const value = live.getSnapshot()
      if (!is(value)) return
      stop()
      resume(Effect.succeed(value))
    }
    stop = live.subscribe(look)
    look()
    return Effect.sync(stop)
  })
