import type { PGlite } from "@electric-sql/pglite"
import type { EventStoreError } from "@varve/core"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import { type Duplex, duplexPair } from "node:stream"
import * as DataDirectory from "./dataDirectory.ts"
import { refused } from "./openError.ts"

const load: Effect.Effect<typeof import("@electric-sql/pglite"), EventStoreError.EventStoreError> = Effect.tryPromise({
  // Only programs that run embedded need the package, so it is not a dependency.
  try: () => import("@electric-sql/pglite"),
  catch: () => refused("package @electric-sql/pglite", "it is installed", "it cannot be loaded")
})

/** PGlite in a directory, which is made when it may be, or in memory, until the scope closes. */
export const make = (
  dataDir: string | undefined,
  mayMake: boolean
): Effect.Effect<PGlite, EventStoreError.EventStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const { PGlite } = yield* load
    const place = dataDir === undefined ? undefined : yield* DataDirectory.acquire(dataDir, mayMake)
    const what = place === undefined ? "embedded database" : `data directory ${place.directory}`
    return yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: async () => {
          const db = await PGlite.create(place?.directory)
          place?.filled()
          return db
        },
        catch: () => refused(what, "one that PGlite can open", "it is damaged, or of another release of PGlite")
      }),
      (db) => Effect.promise(() => db.closed ? Promise.resolve() : db.close().catch(() => {}))
    )
  })

const isTerminate = (chunk: Uint8Array): boolean => chunk.length === 5 && chunk[0] === 0x58
const isCancelRequest = (chunk: Buffer): boolean => chunk.length === 16 && chunk.readInt32BE(4) === 80_877_102

/**
 * A connection to PGlite, for the driver of PostgreSQL.
 *
 * There is one session behind all connections. So its end is kept from it, and a connection that goes leaves it clean:
 * without a transaction, and without the statements that it prepared.
 */
export const connect = (db: PGlite): Duplex => {
  const options = { readableHighWaterMark: 1 << 20, writableHighWaterMark: 1 << 20 }
  const [client, server] = duplexPair(options)
  let used = false
  let chain: Promise<unknown> = Promise.resolve()
  server.on("data", (chunk: Buffer) => {
    if (isTerminate(chunk)) return
    // Queries run to their end on this thread: when the request arrives there is nothing left to cancel.
    if (isCancelRequest(chunk)) return server.end()
    used = true
    chain = chain
      .then(() =>
        db.runExclusive(() => db.execProtocolRawStream(chunk, { onRawData: (data) => server.write(Buffer.from(data)) }))
      )
      .catch((error: unknown) => server.destroy(error instanceof Error ? error : new Error("PGlite failed")))
  })
  server.on("error", () => {})
  server.on("close", () => {
    if (!used || db.closed) return
    used = false
    chain = chain.then(() => db.exec("ROLLBACK")).then(() => db.exec("DEALLOCATE ALL")).catch(() => {})
  })
  return client
}
