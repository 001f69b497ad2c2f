/**
 * Opens an embedded store and says `open`, or why it cannot. Then, when told `append`, appends one commit after the other
 * and prints the position of each when it is acknowledged.
 */
import { EventStore, StreamName } from "@varve/core"
import { Embedded } from "@varve/postgres"
import { Effect } from "effect"
import { once } from "node:events"

const stream = StreamName.make("Account", "1")

const program = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  console.log("open")
  const [command] = yield* Effect.promise(() => once(process.stdin, "data"))
  if (!String(command).startsWith("append")) return
  while (true) {
    const { last } = yield* store.append({
      writes: [{ stream, expected: "any", events: [{ type: "Counted", revision: 1, payload: {} }] }]
    })
    console.log(`${last}`)
  }
})

await Effect.runPromise(
  Effect.provide(program, Embedded.layer({ dataDir: process.argv[2]! })).pipe(
    Effect.catch(({ message }) => Effect.sync(() => console.log(message)))
  )
)
process.exit()
