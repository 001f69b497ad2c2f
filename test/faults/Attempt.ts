/**
 * One attempt at a commit: an append or commands on accounts, by itself or in a transaction of the program's own.
 */
import { Aggregate, type Commit, CommitId, EventStoreError, StreamName } from "@varve/core"
import { Cause, Effect, Exit, Option } from "effect"
import { SqlError } from "effect/sql"
import { createHash } from "node:crypto"
import { Account, Move, type Moved, Overdrawn, type State } from "./Accounts.ts"
import type { Opened } from "./Place.ts"
import { isCommand, type Outcome, type Planned } from "./Records.ts"

/** Longest time that a transaction of the program's own may take, its connection being cut in the end. */
const transactionSeconds = 12

export const streamOf = (id: string): StreamName.StreamName => StreamName.make("Walk", id)

/** What no database can make shorter, and the same whoever makes it. */
const noise = (seed: string, length: number): string => {
  let text = ""
  for (let i = 0; text.length < length; i++) text += createHash("sha512").update(`${seed} ${i}`).digest("base64")
  return text.slice(0, length)
}

/** The commit that a plan stands for: the same whoever makes it. */
export const commitOf = ({ id, padding, writes }: Planned): Commit.Commit => {
  const more = padding === undefined ? {} : { padding: noise(id, padding) }
  const event = (n: number) => ({ type: "Stepped", revision: 1, payload: { lane: `lane ${n % 4}`, n, ...more } })
  const made = writes.map(({ expected, numbers, stream }) => {
    const [first, ...others] = numbers.map(event)
    return { stream: streamOf(stream), expected, events: [first!, ...others] as const }
  })
  const [first, ...others] = made
  return { id: CommitId.make(id), writes: [first!, ...others] }
}

const executionFailed = ({ message, reason }: Aggregate.ExecutionError): Outcome => {
  switch (reason._tag) {
    // It was decided as often as it may be, and somebody was faster each time: nothing is stored.
    case "Conflict":
      return { tag: "Unavailable", message }
    // Nobody made any such event, and no policy is in force.
    case "Unreadable":
    case "Forbidden":
      return { tag: "Defect", message }
    default:
      return { tag: reason._tag, message }
  }
}

/** What a failure of the store tells, whatever it was asked for. */
export const failed = (cause: Cause.Cause<unknown>): Outcome => {
  const error = Cause.squash(cause)
  if (error instanceof Aggregate.ExecutionError) return executionFailed(error)
  if (!(error instanceof EventStoreError.EventStoreError)) {
    return { tag: "Defect", message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
  }
  const { message, reason } = error
  return reason._tag === "Conflict"
    ? { tag: "Conflict", stream: reason.stream.id, actual: reason.actual }
    : { tag: reason._tag, message }
}

type Executed = Aggregate.Executed<State, Moved>

const written = ({ first, last, replayed, streams }: Commit.Receipt): Outcome & { readonly tag: "Written" } => ({
  tag: "Written",
  first,
  last,
  replayed,
  streams: streams.map(({ from, stream, to }) => [stream.id, from, to])
})

/** What a failure of an attempt tells. */
const attemptFailed = ({ writes }: Planned, cause: Cause.Cause<unknown>): Outcome => {
  const error = Cause.squash(cause)
  if (error instanceof Overdrawn) {
    const { n, state } = error
    return { tag: "Rejected", stream: writes.find(({ numbers }) => numbers[0] === n)!.stream, state }
  }
  return failed(cause)
}

/** Executes the commands that a plan stands for: one, or several as one commit. */
const execute = ({ accounts }: Opened, { id, writes }: Planned): Effect.Effect<Outcome, unknown> => {
  const commands = writes.map(({ cents, numbers, stream }) => ({
    stream,
    command: Move.make({ n: numbers[0]!, cents: cents! })
  }))
  const [first, ...others] = commands.map(({ command, stream }) => Aggregate.to(Account, stream, command))
  const options = { commitId: CommitId.make(id) }
  const executed: Effect.Effect<ReadonlyArray<Executed>, unknown, Aggregate.Instances<"Account">> = others.length === 0
    ? Effect.map(Account.execute(commands[0]!.stream, commands[0]!.command, options), (one) => [one])
    : Aggregate.executeAll([first!, ...others], options)
  return Effect.map(executed, (all): Outcome => ({
    // A move is never nothing.
    ...written(Option.getOrThrow(all[0]!.receipt)),
    states: all.map(({ state }, i) => [writes[i]!.stream, state])
  })).pipe(Effect.provideContext(accounts))
}

/** In a transaction of the program's own, which is open for a moment before it is committed. */
const enlisted = <E>(
  { sql }: Opened,
  write: Effect.Effect<Outcome, E>,
  told: (cause: Cause.Cause<unknown>) => Outcome,
  restMillis: number
): Effect.Effect<Outcome> =>
  Effect.suspend(() => {
    let isWritten = false
    const within = Effect.tap(write, () =>
      Effect.suspend(() => {
        isWritten = true
        return Effect.sleep(restMillis)
      }))
    return Effect.exit(sql.withTransaction(within)).pipe(
      Effect.map((exit): Outcome => {
        if (Exit.isSuccess(exit)) return exit.value
        // Whether it was committed, the client cannot tell any more.
        if (isWritten) return { tag: "OutcomeUnknown", message: "a transaction that failed at its end" }
        const error = Cause.squash(exit.cause)
        return SqlError.isSqlError(error) ? { tag: "Unavailable", message: String(error) } : told(exit.cause)
      }),
      Effect.timeoutOrElse({
        duration: `${transactionSeconds} seconds`,
        orElse: () => Effect.succeed<Outcome>({ tag: "OutcomeUnknown", message: "a transaction without an end" })
      })
    )
  })

/** Sends a commit once, and tells what came of it. */
export const attempt = (
  opened: Opened,
  planned: Planned,
  { inTransaction, restMillis }: { readonly inTransaction: boolean; readonly restMillis: number }
): Effect.Effect<Outcome> => {
  const told = (cause: Cause.Cause<unknown>) => attemptFailed(planned, cause)
  const write: Effect.Effect<Outcome, unknown> = isCommand(planned)
    ? execute(opened, planned)
    : Effect.map(opened.store.append(commitOf(planned)), written)
  return inTransaction
    ? enlisted(opened, write, told, restMillis)
    : Effect.catchCause(write, (cause) => Effect.succeed(told(cause)))
}
