/**
 * A process that does what a test asks of it, in lines of JSON: reads, writes, holds a transaction open. Its first line
 * is where the store lies: not an argument, since everybody on the machine can read those, and a URL has a password.
 */
import type { Commit } from "@varve/core"
import { Effect, Exit, Fiber, Latch, Scope } from "effect"
import { type Handlers, serve } from "../../support/serve.ts"
import * as Protocol from "../Protocol.ts"
import * as Tail from "../Tail.ts"
import * as Target from "../Target.ts"
import * as Writer from "../Writer.ts"

/** What an agent does at the moment. Closing the scope ends it all. */
class Work {
  readonly scope = Scope.makeUnsafe()
  readonly released = Latch.makeUnsafe(false)
  readonly control: Writer.Control = { finished: false, granted: 0 }
  tail: Tail.Tail | undefined
  holder: Fiber.Fiber<void> | undefined
  readonly stores = new Map<string, ReadonlyArray<Target.Opened>>()
}

class Agent {
  private work = new Work()
  private readonly target: Target.Target
  private readonly home: Target.Opened

  constructor(target: Target.Target, home: Target.Opened) {
    this.target = target
    this.home = home
  }

  readonly calls: Handlers<Protocol.Calls, Protocol.Note> = {
    tail: (request) =>
      Effect.map(this.within(Tail.start(this.home.store, request)), (tail) => {
        this.work.tail = tail
        return null
      }),
    reach: ({ position }) => this.work.tail === undefined ? Effect.die("no reader") : this.work.tail.reach(position),
    append: ({ commits, lockMillis, stores = 0 }) =>
      Effect.flatMap(this.openStores(stores, lockMillis), (opened) =>
        Effect.forEach(
          commits,
          (commit, i) => Protocol.outcomeOf(opened[i % opened.length]!.store.append(commit)),
          { concurrency: "unbounded" }
        )),
    hold: ({ commit }) => this.hold(commit),
    release: () =>
      Effect.gen({ self: this }, function*() {
        yield* this.work.released.open
        if (this.work.holder !== undefined) yield* Fiber.join(this.work.holder)
        return null
      }),
    write: (writing, say) =>
      Effect.suspend(() => {
        const { control } = this.work
        control.granted += writing.granted
        return Effect.as(Writer.write(this.home, writing, say, control), null)
      }),
    grant: ({ commits }) =>
      Effect.sync(() => {
        this.work.control.granted += commits
        return null
      }),
    finish: () =>
      Effect.sync(() => {
        this.work.control.finished = true
        return null
      }),
    reset: () =>
      Effect.suspend(() => {
        const { scope } = this.work
        this.work = new Work()
        return Effect.as(Scope.close(scope, Exit.void), null)
      })
  }

  private within<A, E>(self: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> {
    return Effect.provideService(self, Scope.Scope, this.work.scope)
  }

  private openStores(count: number, lockMillis: number | undefined) {
    if (count === 0 && lockMillis === undefined) return Effect.succeed([this.home])
    const key = `${count} ${lockMillis}`
    const known = this.work.stores.get(key)
    if (known !== undefined) return Effect.succeed(known)
    const lockTimeout = lockMillis === undefined ? undefined : `${lockMillis} millis` as const
    return Effect.tap(
      Effect.forEach(
        Array.from({ length: Math.max(count, 1) }),
        () => this.within(Target.open(this.target, { lockTimeout }))
      ),
      (opened) => Effect.sync(() => this.work.stores.set(key, opened))
    )
  }

  private hold(commit: Commit.Commit): Effect.Effect<Protocol.Outcome> {
    const { sql, store } = this.home
    const { released, scope } = this.work
    return Effect.callback<Protocol.Outcome>((resume) => {
      const held = sql.withTransaction(Effect.flatMap(Protocol.outcomeOf(store.append(commit)), (outcome) => {
        resume(Effect.succeed(outcome))
        return released.await
      }))
      this.work.holder = Effect.runSync(Effect.forkIn(Effect.orDie(held), scope, { startImmediately: true }))
    })
  }
}

serve((target: Target.Target) =>
  Effect.map(Target.open(target, { maxConnections: 4 }), (home) => new Agent(target, home).calls)
)
