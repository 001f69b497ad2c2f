import type * as Duration from "effect/Duration"
import type { Commit } from "../../Commit.ts"
import type { CommitId } from "../../CommitId.ts"

/** What can go wrong. Documented at `EventStoreFaults.Kind`. */
export type Kind =
  | "conflict"
  | "delay"
  | "failBefore"
  | "lostRequest"
  | "lateRequest"
  | "lostAcknowledgement"
  | "failRead"
  | "crash"

/** Which faults, and how often. Documented at `EventStoreFaults.Options`. */
export interface Options {
  readonly seed: string | number
  /** `commit` is what another writer stores just before the given one; undefined for nothing. Never one to refuse. */
  readonly conflict?: {
    readonly chance: number
    readonly commit: (about: Commit) => Commit | undefined
  } | undefined
  /** The chance counts twice: before a call is sent, and before it is answered. */
  readonly delay?: { readonly chance: number; readonly atMost: Duration.Input } | undefined
  readonly failBefore?: number | undefined
  readonly lostRequest?: number | undefined
  readonly lateRequest?: { readonly chance: number; readonly atMost: Duration.Input } | undefined
  readonly lostAcknowledgement?: number | undefined
  readonly failRead?: number | undefined
  /** Most turns of the scheduler that each call lets pass before and after it. They are no faults. */
  readonly yields?: number | undefined
  /** Most faults, those of the kinds `delay` and `crash` apart. */
  readonly limit?: number | undefined
}

/** One fault that was injected. Documented at `EventStoreFaults.Fault`. */
export interface Fault {
  readonly kind: Kind
  readonly operation: "append" | "readPage" | "readStreamPage" | "head" | "findCommit"
  /** The how manieth append it was, or the how manieth of the other calls, from 1. */
  readonly call: number
  /** The commit of an append, or the one that was looked for. Ids that nobody gave differ from run to run. */
  readonly commitId: CommitId | undefined
  /** How long something took, where it is about time. */
  readonly millis: number | undefined
}
