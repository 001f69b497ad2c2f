/**
 * Replays a bank's list of transactions as commands, each at its own date.
 */
import { Aggregate, CommitId, Metadata } from "@varve/core"
import { Console, Effect, FileSystem, type PlatformError, Result, Stream } from "effect"
import { BankAccount, Deposit, Open, Withdraw } from "./BankAccount.ts"
import { Failed, failed } from "./Failed.ts"
import { BadLine, type Line, lines, quote } from "./Lines.ts"
import { decimal, rejection } from "./Text.ts"
import { fields, header, parse, type Transaction } from "./Transactions.ts"

/** Lines that are under way at a time: those of one account one after the other, those of several at once. */
const linesPerBatch = 256

/** What has become of a file. */
export interface Summary {
  /** Lines below the header. */
  lines: number
  added: number
  /** Stored by an earlier import, or by an earlier line. */
  alreadyThere: number
  bad: number
  /** Transactions after which our balance is the bank's. */
  equal: number
}

interface Booked {
  readonly number: number
  readonly transaction: Transaction
  readonly replayed: boolean
  readonly balance: number
}

// #region record
/** Records a transaction: a command at the date of the transaction, under a commit id that is always the same for it. */
const record = Effect.fnUntraced(function*(transaction: Transaction) {
  const { account_id, amount, date, k_symbol, operation, trans_id, type } = transaction
  const commitId = yield* CommitId.derive("bank transaction", account_id, trans_id)
  const money = { cents: amount, currency: "CZK" } as const
  const command = type === "PRIJEM" ? Deposit.make(money) : Withdraw.make(money)
  // The first transaction of an account opens it: one commit, so that there is never an account without its first line.
  const opening = Aggregate.executeAll([
    Aggregate.to(BankAccount, account_id, Open.make({ owner: `client ${account_id}`, currency: "CZK" })),
    Aggregate.to(BankAccount, account_id, command)
  ], { commitId })
  return yield* BankAccount.execute(account_id, command, { commitId }).pipe(
    Effect.catchTag("NotOpen", () => Effect.map(opening, ([, executed]) => executed)),
    // Under this id something else is stored already: the same transaction with the opening before it, or another one.
    Effect.catchReason(
      "ExecutionError",
      "Refused",
      (reason, error) =>
        Effect.map(opening, ([, executed]) => executed).pipe(
          Effect.catchTag("AlreadyOpened", () => Effect.fail(error))
        )
    ),
    Metadata.provide({ occurredAt: date, actor: "import", user: { operation, symbol: k_symbol } })
  )
})
// #endregion

/** Books a line, or tells why it cannot be. Fails when nothing can be booked at all. */
const book = (line: Line) =>
  Result.match(parse(line), {
    onFailure: (bad) => Effect.succeed<Booked | BadLine>(bad),
    onSuccess: (transaction) => {
      const bad = (reason: string) =>
        Effect.succeed<Booked | BadLine>(
          new BadLine({ number: line.number, reason: `transaction ${transaction.trans_id}: ${reason}` })
        )
      return record(transaction).pipe(
        Effect.map(({ receipt, state }): Booked | BadLine => ({
          number: line.number,
          transaction,
          replayed: receipt._tag === "Some" && receipt.value.replayed,
          balance: state._tag === "Active" ? state.balance : 0
        })),
        Effect.catchReason("ExecutionError", "Refused", ({ actual, expected, what }) =>
          bad(`${what}: expected ${expected}, got ${actual}`)),
        Effect.catchTag(
          ["NotOpen", "AlreadyOpened", "ForeignCurrency", "InsufficientFunds"],
          (rejected) =>
            bad(`account ${transaction.account_id} says ${rejection(rejected)}`)
        )
      )
    }
  })

/** Books lines, those of one account in their order. The outcomes are in the order of the lines. */
const bookAll = (batch: ReadonlyArray<Result.Result<Line, BadLine>>) => {
  const groups = new Map<string, Array<Line>>()
  const bad: Array<Booked | BadLine> = []
  for (const line of batch) {
    if (Result.isFailure(line)) {
      bad.push(line.failure)
      continue
    }
    const account = fields(line.success.text)?.[1] ?? ""
    const group = groups.get(account)
    if (group === undefined) groups.set(account, [line.success])
    else group.push(line.success)
  }
  return Effect.forEach(groups.values(), (group) => Effect.forEach(group, book), { concurrency: "unbounded" }).pipe(
    Effect.map((outcomes) => [...bad, ...outcomes.flat()].sort((a, b) => a.number - b.number))
  )
}

/** How far the bank's balance of an account is from ours, for accounts where it is. */
class Differences {
  private readonly known = new Map<string, number>()

  /** Words for a difference that is new; `undefined` when there is none, or when it is the one that was told before. */
  tell({ balance, number, transaction }: Booked): string | undefined {
    const { account_id, balance: theirs } = transaction
    const difference = theirs - balance
    const before = this.known.get(account_id) ?? 0
    if (difference === 0) this.known.delete(account_id)
    else this.known.set(account_id, difference)
    if (difference === 0 || difference === before) return undefined
    return `line ${number}: account ${account_id} has ${decimal(balance)}, the bank says ${decimal(theirs)}:`
      + ` ${decimal(difference)} from before the first line of this account, or from a line that is missing`
  }
}

/** Takes the header off the first batch. */
const withoutHeader = (batch: ReadonlyArray<Result.Result<Line, BadLine>>) => {
  const [first, ...others] = batch
  if (first === undefined || (Result.isSuccess(first) ? first.success.number : first.failure.number) !== 1) {
    return Effect.succeed(batch)
  }
  if (Result.isSuccess(first) && fields(first.success.text)?.join(";") === header) return Effect.succeed(others)
  return Effect.fail(
    Result.isFailure(first)
      ? failed("line 1", `the header ${header}`, first.failure.reason.replace(/^expected .*?, got /, ""))
      : failed("line 1", `the header ${header}`, quote(first.success.text))
  )
}

/**
 * Imports the bytes of a file. `tell` hears of every line that was not booked, and of balances that are not the bank's.
 *
 * Bad lines are left out, whole; everything else goes on. Importing again adds nothing.
 */
export const run = Effect.fnUntraced(function*<E, R, R2>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  tell: (problem: string) => Effect.Effect<void, never, R2>
) {
  const summary: Summary = { lines: 0, added: 0, alreadyThere: 0, bad: 0, equal: 0 }
  const differences = new Differences()
  let empty = true
  const count = (outcome: Booked | BadLine): string | undefined => {
    summary.lines++
    if (outcome instanceof BadLine) {
      summary.bad++
      return outcome.message
    }
    if (outcome.replayed) summary.alreadyThere++
    else summary.added++
    if (outcome.balance === outcome.transaction.balance) summary.equal++
    return differences.tell(outcome)
  }
  yield* lines(bytes).pipe(
    Stream.grouped(linesPerBatch),
    Stream.runForEach(Effect.fnUntraced(function*(batch) {
      empty = false
      for (const outcome of yield* bookAll(yield* withoutHeader(batch))) {
        const problem = count(outcome)
        if (problem !== undefined) yield* tell(problem)
      }
    }))
  )
  return empty ? yield* failed("line 1", `the header ${header}`, "an empty file") : summary
})

// --- Files -------------------------------------------------------------------

const readable = (path: string) => (error: PlatformError.PlatformError): Failed => {
  switch (error.reason._tag) {
    case "NotFound":
      return failed(path, "a file", "nothing: there is no such file")
    case "PermissionDenied":
      return failed(path, "a file that this user may read", "permission denied")
    case "BadResource":
      return failed(path, "a file", "a directory")
    default:
      return failed(path, "a file that can be read", error.reason._tag)
  }
}

/** The bytes of a file. Fails at once when it cannot be read. */
export const open = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const { type } = yield* Effect.mapError(fs.stat(path), readable(path))
  // What is no file, such as a pipe, cannot be read from a position.
  if (type !== "File") return yield* failed(path, "a file", type === "Directory" ? "a directory" : `a ${type}`)
  yield* Effect.mapError(fs.access(path, { readable: true }), readable(path))
  return Stream.mapError(fs.stream(path), readable(path))
})

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`

/** Imports a file and tells what has become of it. Fails when a line was left out. */
export const importFile = Effect.fnUntraced(function*(path: string, bytes: Stream.Stream<Uint8Array, Failed>) {
  const { added, alreadyThere, bad, equal, lines } = yield* run(bytes, Console.error).pipe(
    Effect.onInterrupt(() => Console.error(`${path}: stopped. Import it again: nothing is stored twice`)),
    Effect.mapError((error) =>
      error._tag === "Failed"
        ? new Failed({ message: error.message.startsWith(path) ? error.message : `${path}: ${error.message}` })
        : new Failed({ message: `${path}: stopped, ${error.message}. Import it again: nothing is stored twice` })
    )
  )
  yield* Console.log(
    `${counted(lines, "line")}: ${added} added, ${alreadyThere} already there, ${counted(bad, "bad line")}`
  )
  yield* Console.log(`${equal} of ${lines - bad} balances equal the bank's`)
  if (bad > 0) return yield* failed(path, "no bad lines", `${bad} of ${lines}, named above; all others are stored`)
})
