import { EventStoreError } from "@varve/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Most questions that wait. */
const pendingQuestions = 20_000

type Failure = EventStoreError.EventStoreError

interface Entry<A, B> {
  readonly question: A
  readonly resume: (result: Exit.Exit<B, Failure>) => void
  done: boolean
}

/** How questions become one statement. */
export interface Options<A, B> {
  /** What is asked for, in words. */
  readonly what: string
  readonly operation: Failure["operation"]
  /** Most questions of one statement. */
  readonly most: number
  /** Whether one can go along with the first of a statement. */
  readonly fits: (first: A, question: A) => boolean
  /** Answers in the order of the questions. */
  readonly ask: (questions: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, Failure>
}

/** Asks what is asked at the same moment in one statement; what comes while it is under way goes into the next. */
export const make = <A, B>(options: Options<A, B>): (question: A) => Effect.Effect<B, Failure> => {
  const { ask, fits, most, operation, what } = options
  const pending: Array<Entry<A, B>> = []
  let running = false

  /** A prefix of what waits that fits together, without those that nobody waits for any more. */
  const cut = (): ReadonlyArray<Entry<A, B>> => {
    const batch: Array<Entry<A, B>> = []
    let taken = 0
    for (; taken < pending.length && batch.length < most; taken++) {
      const entry = pending[taken]!
      if (entry.done) continue
      if (batch.length > 0 && !fits(batch[0]!.question, entry.question)) break
      batch.push(entry)
    }
    pending.splice(0, taken)
    return batch
  }

  const drain: Effect.Effect<void> = Effect.gen(function*() {
    while (true) {
      const batch = cut()
      if (batch.length === 0) {
        running = false
        return
      }
      const exit = yield* Effect.exit(ask(batch.map(({ question }) => question)))
      batch.forEach((entry, i) => {
        if (entry.done) return
        entry.done = true
        entry.resume(Exit.map(exit, (answers) => answers[i]!))
      })
    }
  })

  return (question) =>
    Effect.callback((resume) => {
      if (pending.length >= pendingQuestions) {
        const reason = new EventStoreError.Unavailable({
          what: `queue of ${what}`,
          expected: `at most ${pendingQuestions}`,
          actual: `${pending.length}`
        })
        return resume(Exit.fail(new EventStoreError.EventStoreError({ operation, reason })))
      }
      const waiting: Entry<A, B> = { question, resume, done: false }
      pending.push(waiting)
      if (!running) {
        running = true
        // After the fibers that are about to run: what they ask goes along.
        queueMicrotask(() => Effect.runFork(drain))
      }
      return Effect.sync(() => {
        waiting.done = true
      })
    })
}
