/**
 * What a test and its agents, which are other processes, say to each other: a line of JSON each.
 */
import type { Commit, EventStoreError } from "@varve/core"
import { Effect } from "effect"
import type * as Tail from "./Tail.ts"

/** What became of an append. */
export interface Outcome {
  readonly tag: "Written" | EventStoreError.EventStoreError["reason"]["_tag"]
  readonly message: string
  /** Of what was written. */
  readonly first: number
  readonly last: number
  readonly replayed: boolean
  /** Of a conflict: the version that is there. */
  readonly actual: number
  readonly millis: number
}

/** A writer that goes on and on: one commit after the other, made from the name of the run, its number and theirs. */
export interface Writing {
  readonly run: string
  readonly writer: number
  readonly from: number
  /** How many commits it writes before it waits for `grant`, so that a slow machine does not make a long run a large one. */
  readonly granted: number
}

/** What a writer says on its way: that it is about to send a commit, or that one was acknowledged. */
export type Note =
  | { readonly tag: "Sent"; readonly n: number }
  | { readonly tag: "Acknowledged"; readonly n: number; readonly first: number; readonly last: number }
  | { readonly tag: "Failed"; readonly n: number; readonly message: string }

/** What can be asked of an agent, and what it answers. */
export interface Calls {
  /** Follows the store. One reader an agent. */
  readonly tail: { readonly request: Tail.Request; readonly answer: null }
  readonly reach: { readonly request: { readonly position: number }; readonly answer: Tail.Seen }
  /** Appends all at once, through so many stores, each with a queue and a connection of its own. */
  readonly append: {
    readonly request: {
      readonly commits: ReadonlyArray<Commit.Commit>
      readonly stores?: number
      readonly lockMillis?: number
    }
    readonly answer: ReadonlyArray<Outcome>
  }
  /** Appends in a transaction and answers from within it. It stays open until `release`. */
  readonly hold: { readonly request: { readonly commit: Commit.Commit }; readonly answer: Outcome }
  readonly release: { readonly request: null; readonly answer: null }
  /** Answers when `finish` was asked for and everything under way is through. */
  readonly write: { readonly request: Writing; readonly answer: null }
  readonly grant: { readonly request: { readonly commits: number }; readonly answer: null }
  readonly finish: { readonly request: null; readonly answer: null }
  /** Ends whatever it does, so that it can be used for something else. */
  readonly reset: { readonly request: null; readonly answer: null }
}

/** Appends, and tells what came of it. Cannot fail, so that races can be compared. */
export const outcomeOf = (
  append: Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError>
): Effect.Effect<Outcome> =>
  Effect.suspend(() => {
    const from = performance.now()
    const outcome = (tag: Outcome["tag"], rest: Partial<Outcome>): Outcome => ({
      tag,
      message: "",
      first: 0,
      last: 0,
      replayed: false,
      actual: -1,
      ...rest,
      millis: Math.round(performance.now() - from)
    })
    return Effect.match(append, {
      onSuccess: ({ first, last, replayed }) => outcome("Written", { first, last, replayed }),
      onFailure: ({ message, reason }) =>
        outcome(reason._tag, { message, ...(reason._tag === "Conflict" && { actual: reason.actual }) })
    })
  })
