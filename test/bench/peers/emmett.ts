/**
 * Emmett on PostgreSQL, as a process of its own: `node emmett.ts URL`.
 *
 * With its defaults, except where they would hold it back: its pool has as many connections as it is fastest with.
 */
import { CommandHandler } from "@event-driven-io/emmett"
import {
  getPostgreSQLEventStore,
  pongoSingleStreamProjection,
  type PostgresEventStore,
  postgreSQLEventStoreConsumer
} from "@event-driven-io/emmett-postgresql"
import { Pool } from "pg"
import { closedLoop } from "../frame/measure.ts"
import { serve } from "../frame/serve.ts"
import { type BankCommand, type BankEvent, decide, evolve, initialState } from "./bank.ts"

/** 10, its default, is as fast; 32 are slower. */
const connections = 16

const url = process.argv[2]!
const pool = new Pool({ connectionString: url, max: connections })
const store: PostgresEventStore = getPostgreSQLEventStore(url, { connectionOptions: { pooled: true, pool } })
const handle = CommandHandler<ReturnType<typeof initialState>, BankEvent>({ evolve, initialState })

let streams = 0

const timed = async (call: () => Promise<unknown>, record: (millis: number) => void) => {
  const from = performance.now()
  await call()
  record(performance.now() - from)
}

/** One caller: appends to new streams. */
const append = ({ callers, events, metadata, payload, seconds }: {
  callers: number
  events: number
  seconds: number
  payload: Record<string, unknown>
  metadata: Record<string, unknown>
}) => {
  const batch = Array.from({ length: events }, () => ({ type: "Happened", data: payload, metadata }))
  return closedLoop(callers, seconds, async (_, going, record) => {
    while (going()) {
      await timed(
        () => store.appendToStream(`bench-${streams++}`, batch, { expectedStreamVersion: "STREAM_DOES_NOT_EXIST" }),
        record
      )
    }
  })
}

/** One caller: opens an account, sends it a number of commands in all, and goes on to the next. */
const execute = (
  { callers, commands, seconds }: { callers: number; commands: ReadonlyArray<BankCommand>; seconds: number }
) =>
  closedLoop(callers, seconds, async (_, going, record) => {
    while (going()) {
      const id = `account-${streams++}`
      for (const command of commands) {
        if (!going()) break
        await timed(() => handle(store, id, (state) => decide(command, state)), record)
      }
    }
  })

/** Accounts with so many events each, in commits of at most `perCommit`. */
const fill = async ({ accounts, callers = 16, events, name, perCommit }: {
  name: string
  accounts: number
  events: number
  perCommit: number
  callers?: number
}) => {
  let next = 0
  const caller = async () => {
    while (next < accounts) {
      const id = `${name}-${next++}`
      const all = Array.from({ length: events }, (_, i): BankEvent =>
        i === 0
          ? { type: "AccountOpened", data: { owner: "Ada Lovelace", currency: "EUR" } }
          : i % 3 === 0
          ? { type: "MoneyWithdrawn", data: { cents: 100, currency: "EUR" } }
          : { type: "MoneyDeposited", data: { cents: 1_000, currency: "EUR" } })
      for (let i = 0; i < events; i += perCommit) await store.appendToStream(id, all.slice(i, i + perCommit))
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

const load = ({ accounts, name, seconds }: { name: string; accounts: number; seconds: number }) =>
  closedLoop(1, seconds, async (_, going, record) => {
    for (let i = 0; going(); i++) {
      const from = performance.now()
      const { state } = await store.aggregateStream(`${name}-${i % accounts}`, { evolve, initialState })
      record(performance.now() - from)
      if (state.status !== "Active") throw new Error("an account that was opened is not")
    }
  })

type Balance = { _id?: string; cents: number }

/** From no rows to all of them, by its own consumer and its own projection. Milliseconds. */
const project = async ({ accounts, collection }: { accounts: number; collection: string }) => {
  const from = performance.now()
  const consumer = postgreSQLEventStoreConsumer({
    connectionString: url,
    stopWhen: { noMessagesLeft: true },
    pulling: { batchSize: 1_000, pullingFrequencyInMs: 1 }
  })
  consumer.projector({
    processorId: collection,
    projection: pongoSingleStreamProjection<Balance, BankEvent>({
      collectionName: collection,
      canHandle: ["AccountOpened", "MoneyDeposited", "MoneyWithdrawn", "AccountClosed"],
      initialState: () => ({ cents: 0 }),
      evolve: (row: Balance, { data, type }: BankEvent) =>
        type === "MoneyDeposited"
          ? { ...row, cents: row.cents + data.cents }
          : type === "MoneyWithdrawn"
          ? { ...row, cents: row.cents - data.cents }
          : row
    })
  } as never)
  await consumer.start()
  await consumer.close()
  const millis = performance.now() - from
  const { rows } = await pool.query(`SELECT count(*)::int AS n FROM "${collection}"`)
  if (rows[0].n !== accounts) throw new Error(`its projection made ${rows[0].n} rows of ${accounts} accounts`)
  return millis
}

/** The index that its consumer would need, on the table in which the events of a partition lie. */
const index = () =>
  pool.query("CREATE INDEX IF NOT EXISTS bench_position ON emt_messages (transaction_id, global_position)")

serve({
  open: () => store.schema.migrate(),
  append,
  execute,
  fill,
  load,
  project,
  index: async () => void await index(),
  analyze: async () => void await pool.query("ANALYZE")
})
