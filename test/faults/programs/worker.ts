/**
 * A process that works on a store as it is told, and writes down what it hears. Its first line is `Hello`.
 */
import { Projection } from "@varve/core"
import { Effect, Schedule } from "effect"
import { Chains, Journal } from "../../postgres/programs/projectDefinitions.ts"
import { type Handlers, quiet, serve } from "../../support/serve.ts"
import * as Place from "../Place.ts"
import type { Calls, Hello, Name } from "../Protocol.ts"
import type { Note } from "../Records.ts"
import { Worker } from "../Workload.ts"

/** How long it tries to open a store on a server that may be down. */
const openTries = { schedule: Schedule.spaced("200 millis"), times: 100 }

/** Heap after collection settles over a few rounds. */
const collections = 3

const definitions: { readonly [_ in Name]: typeof Chains | typeof Journal } = { Chains, Journal }

const make = (opened: Place.Opened): Handlers<Calls, Note> => {
  const workers: Array<Worker> = []
  return {
    work: (orders, say) =>
      Effect.suspend(() => {
        const worker = new Worker(opened, orders, say)
        workers.push(worker)
        return Effect.as(worker.work, null)
      }),
    finish: () =>
      Effect.sync(() => {
        for (const worker of workers) worker.finished = true
        return null
      }),
    again: ({ commits, orders }, say) => {
      const worker = new Worker(opened, orders, say)
      return Effect.as(
        Effect.forEach(commits, (commit) => worker.send(commit, true), { concurrency: 4, discard: true }),
        null
      )
    },
    project: ({ names }, say) =>
      Effect.sync(() => {
        // It waits for a store that cannot be reached, so an end of it is one that should not be.
        const run = Projection.run(names.map((name) => definitions[name]), Place.running).pipe(
          Effect.provideContext(opened.context),
          Effect.provide(quiet),
          Effect.catchCause((cause) =>
            Effect.sync(() => say({ tag: "Unseen", reason: "Projection", message: String(cause) }))
          )
        )
        Effect.runFork(run)
        return null
      }),
    level: () =>
      Effect.as(
        Effect.forEach([Chains, Journal], (one) => Projection.whenCaughtUp(one, { timeout: "30 seconds" })),
        null
      ).pipe(Effect.provideContext(opened.context)),
    heap: () =>
      Effect.gen(function*() {
        for (let i = 0; i < collections; i++) {
          globalThis.gc!()
          yield* Effect.sleep("20 millis")
        }
        return process.memoryUsage().heapUsed
      })
  }
}

serve(({ inline, place }: Hello) => {
  const open = Place.open(place, { inline })
  return Effect.map(place.tag === "server" ? Effect.retry(open, openTries) : open, make)
})
