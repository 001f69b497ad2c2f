/**
 * Reads lines of a Czech bank's list of transactions. Pure.
 */
import { DateTime, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { Cents, Id } from "./BankAccount.ts"
import { BadLine, type Line, quote } from "./Lines.ts"
import { decimal } from "./Text.ts"

export const header = "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account"

/** Crowns with a point, as whole cents. Digits are moved, not computed: no fraction is ever rounded. */
const toCents = (text: string): number => {
  const [whole = "", fraction = ""] = text.split(".")
  // "-0.00" is zero like any other.
  return Number(whole + fraction.padEnd(2, "0")) + 0
}

const Digits = Schema.String.check(Schema.isPattern(/^\d{1,18}$/, { expected: "a number of 1 to 18 digits" }))

const amount = "an amount above 0 and below ten billion, with at most two decimals"
const Amount = Schema.String.check(Schema.isPattern(/^\d{1,10}(\.\d{1,2})?$/, { expected: amount })).pipe(
  Schema.decodeTo(
    Cents.annotate({ expected: amount }),
    SchemaTransformation.transform({ decode: toCents, encode: decimal })
  )
)

// Further digits than an amount: a balance is a sum of them.
const Balance = Schema.String.check(
  Schema.isPattern(/^-?\d{1,13}(\.\d{1,2})?$/, { expected: "a balance with at most two decimals" })
).pipe(Schema.decodeTo(Schema.Int, SchemaTransformation.transform({ decode: toCents, encode: decimal })))

const toDate = (text: string): DateTime.Utc =>
  DateTime.makeUnsafe(`19${text.slice(0, 2)}-${text.slice(2, 4)}-${text.slice(4, 6)}T00:00:00.000Z`)

const fromDate = (date: DateTime.Utc): string => DateTime.formatIso(date).slice(2, 10).replaceAll("-", "")

/** `930228` is a day, `930229` is none: the calendar would read it as the first of March. */
const isDay = (text: string): boolean => {
  const date = DateTime.make(`19${text.slice(0, 2)}-${text.slice(2, 4)}-${text.slice(4, 6)}T00:00:00.000Z`)
  return date._tag === "Some" && fromDate(date.value) === text
}

// The list is of the 1990s. Other centuries cannot be told from two digits, so they are not guessed.
const Day = Schema.String.check(
  Schema.makeFilter((text) => /^9\d{5}$/.test(text) && isDay(text), { expected: "a day of the 1990s as YYMMDD" })
).pipe(Schema.decodeTo(Schema.DateTimeUtc, SchemaTransformation.transform({ decode: toDate, encode: fromDate })))

/** One line, in the order of its columns. PRIJEM is a credit, VYDAJ a debit, VYBER a debit in cash. */
export const Transaction = Schema.Struct({
  trans_id: Digits,
  account_id: Digits.pipe(Schema.decodeTo(Id)),
  date: Day,
  type: Schema.Literals(["PRIJEM", "VYDAJ", "VYBER"]).annotate({ expected: "PRIJEM, VYDAJ or VYBER" }),
  operation: Schema.String,
  amount: Amount,
  /** The account's balance after the transaction, as the bank has it. */
  balance: Balance,
  k_symbol: Schema.String,
  bank: Schema.String,
  account: Schema.String
})

export type Transaction = typeof Transaction.Type

const columns = header.split(";")
const decode = Schema.decodeUnknownResult(Transaction)
const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** Fields between semicolons, in quotes or not; a quote inside of quotes is doubled. `undefined` when a quote is amiss. */
export const fields = (text: string): ReadonlyArray<string> | undefined => {
  const found: Array<string> = []
  const field = /(?:"((?:[^"]|"")*)"|([^";]*))(;|$)/y
  for (let at = 0;; at = field.lastIndex) {
    field.lastIndex = at
    const match = field.exec(text)
    if (match === null) return undefined
    found.push(match[1]?.replaceAll("\"\"", "\"") ?? match[2]!)
    if (match[3] === "") return found
  }
}

/** Makes a line a transaction, or tells which field of it is wrong. */
export const parse = ({ number, text }: Line): Result.Result<Transaction, BadLine> => {
  const bad = (reason: string) => Result.fail(new BadLine({ number, reason }))
  const found = fields(text)
  if (found === undefined) return bad(`expected quotes around whole fields, got ${quote(text)}`)
  if (found.length !== columns.length) return bad(`expected ${columns.length} fields, got ${found.length}`)
  const named = Object.fromEntries(columns.map((column, i) => [column, found[i]]))
  return Result.mapError(decode(named), ({ issue }) => {
    const [first] = format(issue).issues
    const column = String(first?.path?.[0])
    const expected = first?.message.replace(/^Expected /, "") ?? "a transaction"
    return new BadLine({ number, reason: `${column}: expected ${expected}, got ${quote(named[column] ?? "")}` })
  })
}
