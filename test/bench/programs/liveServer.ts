/**
 * A server of live rows that also commits, and says when: `node liveServer.ts URL PORT`.
 */
import "effect/schema/SchemaJITCompiler/enable"

import { NodeHttpServer } from "@effect/platform-node"
import { Upcaster } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { Bank } from "@varve/example-bank/Bank"
import { BankAccount, Deposit, Open } from "@varve/example-bank/BankAccount"
import { Api, Live, LiveApi } from "@varve/http"
import { Effect, Layer, ManagedRuntime } from "effect"
import { HttpRouter } from "effect/http"
import { createServer } from "node:http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { serve } from "../frame/serve.ts"
import * as store from "../frame/store.ts"

const [url, port] = process.argv.slice(2) as [string, string]

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const services = Layer.provideMerge(Upcaster.layer(), store.layer(url))
const bank = Layer.provideMerge(Bank.layer({ Balances: "async" }), services)
const http = Live.closeFirst(
  HttpRouter.serve(LiveApi.layer(Api.make(Bank)), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(NodeHttpServer.layer(createServer, { port: Number(port), host: "127.0.0.1" }))
  )
)
// All clients have one address.
const live = Live.layer(Bank, { connectionsPerClient: 10_000 })
const runtime = ManagedRuntime.make(http.pipe(Layer.provideMerge(live), Layer.provideMerge(bank)))

const idOf = (account: number) => BankAccount.id.make(`account-${account}`)
const cent = Deposit.make({ cents: 1, currency: "EUR" })

/** A commit: which account, its balance after it, and when it was acknowledged. */
type Committed = readonly [account: number, cents: number, at: number]

const commit = (account: number) =>
  Effect.map(BankAccount.execute(idOf(account), cent), ({ state }): Committed => {
    const at = performance.timeOrigin + performance.now()
    return [account, state._tag === "Active" ? state.balance : 0, at]
  })

let next = 0

serve({
  /** Opens accounts, and waits until they have rows. */
  open: (accounts: number) =>
    runtime.runPromise(Effect.gen(function*() {
      const open = Open.make({ owner: "Ada Lovelace", currency: "EUR" })
      yield* Effect.forEach(Array.from({ length: accounts }), (_, i) => BankAccount.execute(idOf(i), open), {
        concurrency: 64,
        discard: true
      })
      yield* Balances.whenCaughtUp({ timeout: "1 minute" })
    })),
  /** Commits at a rate, account after account, whatever the last one is doing. */
  commit: ({ accounts, rate, seconds }: { accounts: number; rate: number; seconds: number }) =>
    runtime.runPromise(Effect.gen(function*() {
      const from = performance.now()
      return yield* Effect.forEach(
        Array.from({ length: rate * seconds }, () => next++ % accounts),
        (account, i) =>
          Effect.andThen(Effect.sleep(Math.max(0, from + i * 1_000 / rate - performance.now())), commit(account)),
        { concurrency: "unbounded" }
      )
    })),
  /** One commit an account, as fast as it goes. */
  touch: (accounts: number) =>
    runtime.runPromise(
      Effect.forEach(Array.from({ length: accounts }, (_, i) => i), commit, { concurrency: 64, discard: true })
    ),
  rows: (accounts: number) =>
    runtime.runPromise(Effect.gen(function*() {
      // Where a server was killed, what it held of the projection is another's when its lease has run out.
      yield* Balances.whenCaughtUp({ timeout: "1 minute" })
      const rows = yield* Balances.getMany(Array.from({ length: accounts }, (_, i) => idOf(i)))
      return Array.from({ length: accounts }, (_, i) => rows.get(idOf(i))?.cents ?? -1)
    })),
  status: () => runtime.runPromise(Live.Live.use(({ status }) => status)),
  /** Megabytes in use, after collection. */
  heap: async () => {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
    collect()
    return process.memoryUsage().heapUsed / 1_048_576
  }
})

// It serves before it is asked for anything.
await runtime.runPromise(Effect.void)
