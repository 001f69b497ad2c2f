/**
 * Where the applications are kept: the program is the same, only the layer changes.
 */
import { type Aggregate, EventStore, type EventStoreError, type RowStore, Upcaster } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Config, Effect, Layer, Option, Redacted } from "effect"
import { resolve } from "node:path"
import { type Failed, failed } from "./Failed.ts"
import { LoanApplication } from "./LoanApplication.ts"

/** What the command line says of it. */
export interface Choice {
  readonly data: Option.Option<string>
  readonly server: Option.Option<string>
  readonly memory: boolean
}

/** A server's place without its password. */
const placeOf = (text: string): Option.Option<string> => {
  if (!URL.canParse(text)) return Option.none()
  const { host, pathname, protocol } = new URL(text)
  return protocol === "postgres:" || protocol === "postgresql:" ? Option.some(`${host}${pathname}`) : Option.none()
}

const server = (url: string, from: string) =>
  Option.match(placeOf(url), {
    onNone: () =>
      Effect.fail(failed(from, "a URL such as postgres://user:password@host:5432/database", "another text")),
    onSome: (place) =>
      Effect.succeed({
        place: `a PostgreSQL server, ${place}`,
        // Nobody waits for an answer here, so a server that is busy gets more time than a web page would give it.
        events: Postgres.layerPool({ url: Redacted.make(url), timeout: "60 seconds" })
      })
  })

const embedded = (dataDir: string) => ({
  place: `a PostgreSQL inside this process, ${resolve(dataDir)}`,
  events: Embedded.layer({ dataDir })
})

/** A flag wins over the environment; without either, it is a directory here. */
const choose = Effect.fnUntraced(function*({ data, memory, server: url }: Choice) {
  const given = [
    ...Option.toArray(Option.map(data, () => "--data")),
    ...Option.toArray(Option.map(url, () => "--server")),
    ...(memory ? ["--memory"] : [])
  ]
  if (given.length > 1) return yield* failed("the place of the events", "one of these options", given.join(" and "))
  if (memory) return { place: "the memory of this process", events: EventStore.layerMemory }
  if (Option.isSome(url)) return yield* server(url.value, "--server")
  if (Option.isSome(data)) return embedded(data.value)
  const fromEnvironment = yield* Config.option(Config.Redacted("DATABASE_URL"))
  return Option.isSome(fromEnvironment)
    ? yield* server(Redacted.value(fromEnvironment.value), "DATABASE_URL")
    : embedded(".varve/loans")
})

/** A place for events, and everything that the program asks for, there. */
export interface Place {
  readonly place: string
  readonly layer: Layer.Layer<
    EventStore.EventStore | RowStore.RowStore | Upcaster.Upcaster | Aggregate.Instances<"LoanApplication">,
    EventStoreError.EventStoreError
  >
}

/** Where the events are kept, in words, and everything that the program asks for. */
export const open = (choice: Choice): Effect.Effect<Place, Failed | Config.ConfigError> =>
  Effect.map(choose(choice), ({ events, place }) => ({
    place,
    layer: LoanApplication.layer.pipe(Layer.provideMerge(Layer.merge(events, Upcaster.layer())))
  }))
