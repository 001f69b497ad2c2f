import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { ageJitter, type Bounds } from "./liveOptions.ts"

/** Why the server ends a connection: it is too old, or nothing has been followed over it for too long. */
export type Over = "expired" | "idle"

/** A connection of a client, over which rows are followed. */
export class Connection {
  /** Who it counts for; `undefined` where nobody knows. */
  readonly client: string | undefined
  /** Subscriptions that there are of it. */
  following = 0
  private readonly until: number
  private readonly idleLooks: number
  private idle = 0
  private over: Over | undefined
  private listener: ((over: Over) => void) | undefined

  constructor(client: string | undefined, until: number, idleLooks: number) {
    this.client = client
    this.until = until
    this.idleLooks = idleLooks
  }

  /** Has somebody called once the server ends it. */
  whenOver(call: (over: Over) => void): void {
    this.listener = call
    if (this.over !== undefined) call(this.over)
  }

  /** Looks after it, now and then. */
  look(now: number): void {
    this.idle = this.following > 0 ? 0 : this.idle + 1
    if (this.over !== undefined) return
    this.over = now >= this.until ? "expired" : this.idle >= this.idleLooks ? "idle" : undefined
    if (this.over !== undefined) this.listener?.(this.over)
  }
}

/** Places of one kind: so many in all, and so many for each client that is known. */
export class Places {
  taken = 0
  private readonly most: number
  private readonly mostPerClient: number
  private readonly byClient = new Map<string, number>()

  constructor(most: number, mostPerClient: number) {
    this.most = most
    this.mostPerClient = mostPerClient
  }

  /** Takes a place; or says how many there are at the most, where there is none. */
  take(client: string | undefined): string | undefined {
    if (this.taken >= this.most) return `at most ${this.most}`
    if (client !== undefined) {
      const own = this.byClient.get(client) ?? 0
      if (own >= this.mostPerClient) return `at most ${this.mostPerClient} of one client`
      this.byClient.set(client, own + 1)
    }
    this.taken++
    return undefined
  }

  leave(client: string | undefined): void {
    this.taken--
    if (client === undefined) return
    const own = this.byClient.get(client)! - 1
    if (own === 0) this.byClient.delete(client)
    else this.byClient.set(client, own)
  }
}

const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** The connections that there are. */
export const make = ({ ageMillis, connections, connectionsPerClient }: Bounds, idleLooks: number) => {
  const places = new Places(connections, connectionsPerClient)
  const all = new Set<Connection>()
  return {
    size: () => all.size,
    look: Effect.map(now, (now) => {
      for (const connection of all) connection.look(now)
    }),
    /** Opens a connection until the scope closes; or fails with what is told of how many there are at the most. */
    open: <E>(
      client: string | undefined,
      tooMany: (expected: string) => E
    ): Effect.Effect<Connection, E, Scope.Scope> =>
      Effect.acquireRelease(
        Effect.gen(function*() {
          const expected = places.take(client)
          if (expected !== undefined) return yield* Effect.fail(tooMany(expected))
          const age = ageMillis * (1 - ageJitter * (yield* Random.next))
          const connection = new Connection(client, (yield* now) + age, idleLooks)
          all.add(connection)
          return connection
        }),
        (connection) =>
          Effect.sync(() => {
            all.delete(connection)
            places.leave(client)
          })
      )
  }
}
