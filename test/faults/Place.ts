/**
 * Where a store lies, and how this process and others open it.
 */
import { PgClient } from "@effect/sql-pg"
import {
  type Aggregate,
  EventStore,
  type ProgramStore,
  Projection,
  RowStore,
  type SnapshotStore,
  StoreAdmin,
  Upcaster
} from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { Chains } from "../postgres/programs/projectDefinitions.ts"
import * as Accounts from "./Accounts.ts"

/** What another process is told, in JSON. */
export type Place =
  | {
    readonly tag: "server"
    readonly url: string
    /** False behind a pooler that knows no prepared statements. */
    readonly prepare: boolean
  }
  | { readonly tag: "embedded"; readonly dataDir: string }

export const server = (url: string): Place => ({ tag: "server", url, prepare: true })

type Services =
  | EventStore.EventStore
  | ProgramStore.ProgramStore
  | RowStore.RowStore
  | SnapshotStore.SnapshotStore
  | StoreAdmin.StoreAdmin
  | Upcaster.Upcaster
  | PgClient.PgClient
  | SqlClient.SqlClient

export interface Opened {
  readonly store: EventStore.EventStore["Service"]
  readonly admin: StoreAdmin.StoreAdmin["Service"]
  readonly sql: PgClient.PgClient
  /** Whether appends may go into a transaction of the program's own: there is more than one session. */
  readonly transactions: boolean
  readonly context: Context.Context<Services>
  /** Runs the commands of accounts. */
  readonly accounts: Context.Context<Aggregate.Instances<"Account">>
}

/** Less than a program would wait, so that many faults fit into a run. */
const impatient = {
  lockTimeout: "2 seconds",
  timeout: "4 seconds",
  openTimeout: "20 seconds",
  connectTimeout: "2 seconds"
} as const

const layerWith = (place: Place, options: Omit<Postgres.PoolConfig, "url">): Layer.Layer<Services, unknown> =>
  Layer.merge(
    place.tag === "embedded"
      ? Embedded.layer({ dataDir: place.dataDir })
      : Postgres.layerPool({ ...options, url: Redacted.make(place.url), prepare: place.prepare }),
    Upcaster.layer()
  )

/** The store as a program opens it, which has more patience than a run. */
export const layerPatient = (place: Place): Layer.Layer<Services, unknown> => layerWith(place, {})

/** How projections are run here: so that what somebody else has had is soon taken over. */
export const running: Projection.RunOptions = { pageSize: 50, lease: "1 second", poll: "100 millis" }

/** Opens the store. With `inline`, the rows of `Chains` ride with its appends. */
export const open = (
  place: Place,
  { inline = false }: { readonly inline?: boolean } = {}
): Effect.Effect<Opened, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(layerWith(place, { ...impatient, maxConnections: 6 }))
    if (inline) {
      yield* Layer.build(Chains.layerInline).pipe(
        Effect.provideContext(context),
        Effect.provideService(Projection.RunDefaults, running)
      )
    }
    const accounts = yield* Effect.provideContext(Layer.build(Accounts.layer), context)
    return {
      store: Context.get(context, EventStore.EventStore),
      admin: Context.get(context, StoreAdmin.StoreAdmin),
      sql: Context.get(context, PgClient.PgClient),
      transactions: place.tag === "server",
      context,
      accounts
    }
  })
