/**
 * What a run is told, and why it may not be able to begin.
 */
import { Data } from "effect"

export const suiteNames = ["contract", "late-commits", "kills", "races"] as const

export type SuiteName = typeof suiteNames[number]

export interface Options {
  readonly url: string
  readonly prepare: boolean
  readonly seed: number
  readonly kills: number
  /** Suites to run; all unless told. */
  readonly only: ReadonlyArray<string>
}

/** Why nothing can be verified. One line, without a password. */
export class CannotRun extends Data.TaggedError("CannotRun")<{ readonly message: string }> {}
