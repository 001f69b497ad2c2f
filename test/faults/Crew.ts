/**
 * The workers of a run, which are processes of their own, and the ledger in which all is written down that they say.
 */
import { Effect, Fiber, type Scope } from "effect"
import { Agent } from "../support/Agent.ts"
import type { Place } from "./Place.ts"
import type { Calls, Hello, Name } from "./Protocol.ts"
import { Ledger, type Note, type Planned } from "./Records.ts"
import type { Orders } from "./Workload.ts"

const program = new URL("./programs/worker.ts", import.meta.url)

/** Longer than a run: a worker answers when it has finished. */
const answerSeconds = 3_600

export interface Options {
  readonly inline?: boolean | undefined
  readonly flags?: ReadonlyArray<string> | undefined
}

/** One process. */
export class Hand {
  readonly agent: Agent<Calls, Note>
  readonly number: number
  working: Fiber.Fiber<unknown> | undefined

  constructor(place: Place, { flags, inline = false }: Options, number: number) {
    const hello: Hello = { place, inline }
    this.agent = new Agent<Calls, Note>({ program, hello, answerSeconds, flags })
    this.number = number
  }
}

export class Crew {
  readonly ledger = new Ledger()
  private readonly seed: number
  private hands = 0

  constructor(seed: number) {
    this.seed = seed
  }

  /** Another process, until the scope closes. */
  recruit(place: Place, options: Options = {}): Effect.Effect<Hand, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => new Hand(place, options, ++this.hands)),
      ({ agent }) => agent.end
    ).pipe(
      Effect.tap(({ agent, number }) => agent.listen(this.ledger.listener(number))),
      Effect.tap(({ agent }) => agent.ready)
    )
  }

  private orders({ number }: Hand, orders: Partial<Orders>): Orders {
    return { worker: number, seed: this.seed * 1_000 + number, lanes: 4, restMillis: 12, ...orders }
  }

  /** Lets it work. */
  work(hand: Hand, orders: Partial<Orders> = {}): Effect.Effect<void, never, Scope.Scope> {
    const call = Effect.exit(hand.agent.call("work", this.orders(hand, orders)))
    // At once: the next thing that it is told may be to finish.
    return Effect.map(Effect.forkScoped(call, { startImmediately: true }), (fiber) => {
      hand.working = fiber
    })
  }

  project({ agent }: Hand, names: ReadonlyArray<Name>): Effect.Effect<void> {
    return Effect.asVoid(agent.call("project", { names }))
  }

  /** Sends again what nobody has heard of, from another process than before. */
  again(hand: Hand, commits: ReadonlyArray<Planned>): Effect.Effect<void> {
    return Effect.asVoid(hand.agent.call("again", { orders: this.orders(hand, {}), commits }))
  }

  /** Waits until everything that it has begun is through. */
  finish(hand: Hand): Effect.Effect<void> {
    return Effect.gen(function*() {
      if (!hand.agent.alive || hand.working === undefined) return
      yield* hand.agent.call("finish", null)
      yield* Fiber.join(hand.working)
    })
  }
}
