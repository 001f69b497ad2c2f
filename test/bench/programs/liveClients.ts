/**
 * Clients of live rows, each with a connection of its own: `node liveClients.ts URL`.
 */
import "effect/schema/SchemaJITCompiler/enable"

import { Balances } from "@varve/example-bank/Balances"
import { Bank } from "@varve/example-bank/Bank"
import { Client, LiveSocket } from "@varve/http"
import { Effect, Layer, ManagedRuntime, Option, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { serve } from "../frame/serve.ts"

const [url] = process.argv.slice(2) as [string]
const runtimeOf = (options: Client.Options) =>
  ManagedRuntime.make(Client.layer(Bank, options).pipe(Layer.provide(FetchHttpClient.layer)))
const overEvents = runtimeOf({ url })

/** Every other client has a WebSocket of its own, the others a request each. */
const runtimeFor = (client: number) =>
  client % 2 === 0 ? overEvents : runtimeOf({ url, socket: LiveSocket.make(`${url.replace("http", "ws")}/live`) })

/** What a client was told of an account: balances and times, in turn. */
type Told = Array<number>

const keyClients: Array<Told> = []
const listClients: Array<Map<string, Told>> = []

const note = (told: Told, row: Option.Option<typeof Balances.row.Type>) => {
  told.push(
    Option.match(row, { onNone: () => -1, onSome: ({ cents }) => cents }),
    performance.timeOrigin + performance.now()
  )
}

const keyOf = (account: number) => `account-${account}`

const followOne = (account: number) => {
  const told: Told = []
  keyClients.push(told)
  return Stream.runForEach(Balances.changes(keyOf(account)), ({ row }) => Effect.sync(() => note(told, row)))
}

const followList = () => {
  const all = new Map<string, Told>()
  listClients.push(all)
  const list = Balances.changes({ index: "richest", where: { currency: "EUR" } })
  return Stream.runForEach(list, ({ key, row }) =>
    Effect.sync(() => {
      const told = all.get(key) ?? []
      all.set(key, told)
      note(told, row)
    }))
}

const all = function*(): Generator<readonly [account: string | number, told: Told]> {
  for (const [account, told] of keyClients.entries()) yield [account, told]
  for (const list of listClients) yield* list
}

/** How many clients have the last balance of each account that they follow. */
const right = (balances: ReadonlyArray<number>): number => {
  const has = (told: Told | undefined, account: number) => told?.at(-2) === balances[account]
  return keyClients.filter(has).length
    + listClients.filter((list) => balances.every((_, account) => has(list.get(keyOf(account)), account))).length
}

serve({
  follow: ({ accounts, lists }: { accounts: number; lists: number }) => {
    for (let i = 0; i < accounts; i++) runtimeFor(i).runFork(Effect.orDie(followOne(i)))
    for (let i = 0; i < lists; i++) runtimeFor(i).runFork(Effect.orDie(followList()))
    return Promise.resolve()
  },
  /** Waits until clients have what there is, for so long at the most. How many have. */
  settle: async ({ balances, millis }: { balances: ReadonlyArray<number>; millis: number }) => {
    const until = performance.now() + millis
    while (right(balances) < keyClients.length + listClients.length && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return right(balances)
  },
  /** Milliseconds from each commit until each client has it, or something newer; and what was told twice. */
  latencies: (commits: ReadonlyArray<readonly [account: number, cents: number, at: number]>) => {
    const millis: { readonly row: Array<number>; readonly list: Array<number> } = { row: [], list: [] }
    let repeats = 0
    let missed = 0
    const byAccount = new Map<string, Array<readonly [cents: number, at: number]>>()
    for (const [account, cents, at] of commits) {
      const known = byAccount.get(keyOf(account)) ?? []
      byAccount.set(keyOf(account), known)
      known.push([cents, at])
    }
    for (const [account, told] of all()) {
      for (let i = 2; i < told.length; i += 2) if (told[i] === told[i - 2]) repeats++
      for (const [cents, at] of byAccount.get(typeof account === "number" ? keyOf(account) : account) ?? []) {
        let i = 0
        while (i < told.length && told[i]! < cents) i += 2
        if (i >= told.length) missed++
        else (typeof account === "number" ? millis.row : millis.list).push(Math.max(0, told[i + 1]! - at))
      }
    }
    return Promise.resolve({ ...millis, repeats, missed })
  }
})
