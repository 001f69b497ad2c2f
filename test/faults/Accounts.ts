/**
 * Accounts that the processes of a run send commands to: states that are handed on, kept in a cache and saved in snapshots
 * come into what is decided, and into what is told.
 */
import { Aggregate, Command, Decision, Event, Snapshots, StateCache } from "@varve/core"
import { Layer, Schema } from "effect"

/** A state that says which event it is behind, so that what is told of it can be compared with what is stored. */
export const State = Schema.Struct({
  version: Schema.Int,
  /** Number of the last event; 0 before the first. */
  last: Schema.Int,
  balance: Schema.Int
})
export type State = typeof State.Type

const fields = {
  /** Nobody else's in the run. */
  n: Schema.Int,
  /** Paid in, or taken out. */
  cents: Schema.Int
}

export class Moved extends Event.make("Moved", fields) {}

export class Move extends Command.make("Move", fields) {}

/** Nothing is taken out that is not there. Tells the state that was decided on. */
export class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { n: Schema.Int, state: State }) {}

export class Account extends Aggregate.make("Account", {
  id: Schema.String,
  state: State,
  commands: [Move],
  events: [Moved],
  rejections: [Overdrawn]
}).decider({
  initial: { version: 0, last: 0, balance: 0 },
  decide: {
    Move: ({ cents, n }, state) =>
      state.balance + cents < 0
        ? Decision.reject(new Overdrawn({ n, state }))
        : Decision.accept(Moved.make({ n, cents }))
  },
  evolve: {
    Moved: ({ balance, version }, { cents, n }) => ({ version: version + 1, last: n, balance: balance + cents })
  }
}) {}

export const count = 5

/** Fewer than there are accounts, so that some are evicted, and snapshots of streams that are not long. */
const [capacity, every] = [3, 10]

/** The accounts of a process, with a cache and snapshots. Fresh: a process may open two stores. */
export const layer = Layer.fresh(Account.layer).pipe(
  Layer.provide([StateCache.layer({ capacity }), Snapshots.layer({ every })])
)
