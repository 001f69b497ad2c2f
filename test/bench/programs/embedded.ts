/**
 * A process with a database in it, for what starting costs: `node embedded.ts KIND [DIRECTORY]`, where the kind is
 * `varve` or `bare`. One row is written and read. Tells milliseconds and megabytes in a line.
 */
import { PGlite } from "@electric-sql/pglite"
import { EventStore } from "@varve/core"
import { Embedded } from "@varve/postgres"
import { Effect } from "effect"
import * as store from "../frame/store.ts"

const [kind, dataDir] = process.argv.slice(2)
const from = performance.now()
if (kind === "varve") {
  await Effect.runPromise(
    Effect.andThen(
      store.append({ callers: 1, seconds: 0.000_001, prefix: `${process.pid}-` }),
      EventStore.EventStore.use((store) => store.readPage({ after: 0, limit: 1 }))
    ).pipe(
      Effect.andThen(Effect.sync(() => tell())),
      Effect.provide(Embedded.layer({ dataDir }))
    )
  )
} else {
  const db = await PGlite.create(dataDir)
  await db.query("CREATE TABLE IF NOT EXISTS bare (position bigserial PRIMARY KEY, payload text)")
  await db.query("INSERT INTO bare (payload) VALUES ($1)", [JSON.stringify(store.payload)])
  await db.query("SELECT * FROM bare LIMIT 1")
  tell()
  await db.close()
}

function tell() {
  const millis = performance.now() - from
  console.log(JSON.stringify({ millis, megabytes: process.memoryUsage.rss() / 1_048_576 }))
}
