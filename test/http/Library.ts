/**
 * A domain whose values are hard to send: times, nothing, numbers that JSON has none of, keys that a path takes for its own.
 */
import { Aggregate, Command, Decision, Domain, Event, Projection } from "@varve/core"
import { Option, Schema } from "effect"

/** A book to add. */
export const atlas = { title: "Atlas", weight: 1 }

const Due = Schema.NullOr(Schema.DateTimeUtc)

export class BookAdded extends Event.make("BookAdded", { title: Schema.String, weight: Schema.Number }) {}
export class BookLent extends Event.make("BookLent", { to: Schema.NonEmptyString, due: Due }) {}
export class BookReturned extends Event.make("BookReturned", {}) {}

export class Add extends Command.make("Add", { title: Schema.String, weight: Schema.Number }) {}
export class Lend extends Command.make("Lend", {
  to: Schema.NonEmptyString,
  due: Due,
  note: Schema.optionalKey(Schema.String)
}) {}
export class Return extends Command.make("Return") {}

export class Unknown extends Schema.TaggedError<Unknown>()("Unknown", {}, { httpApiStatus: 404 }) {}
export class IsLent extends Schema.TaggedError<IsLent>()("IsLent", { to: Schema.String, due: Due }, {
  httpApiStatus: 409
}) {}
export class TooHeavy extends Schema.TaggedError<TooHeavy>()("TooHeavy", { weight: Schema.Number }) {
  override get message() {
    return `A book of ${this.weight} kg`
  }
}

const Loan = Schema.Struct({ to: Schema.String, due: Due })

export class Book extends Aggregate.make("Book", {
  id: Schema.String.check(Schema.isMaxLength(400)),
  state: Schema.Struct({ title: Schema.UndefinedOr(Schema.String), loan: Schema.Option(Loan) }),
  commands: [Add, Lend, Return],
  events: [BookAdded, BookLent, BookReturned],
  rejections: [Unknown, IsLent, TooHeavy]
}).decider({
  initial: { title: undefined, loan: Option.none() },
  decide: {
    Add: ({ title, weight }, state) => {
      if (state.title !== undefined) return Decision.ignore
      return weight > 100
        ? Decision.reject(new TooHeavy({ weight }))
        : Decision.accept(BookAdded.make({ title, weight }))
    },
    Lend: ({ due, to }, { loan, title }) => {
      if (title === undefined) return Decision.reject(new Unknown())
      if (Option.isSome(loan)) return Decision.reject(new IsLent(loan.value))
      return Decision.accept(BookLent.make({ to, due }))
    },
    Return: (_, { loan }) => Option.isSome(loan) ? Decision.accept(BookReturned.make({})) : Decision.ignore
  },
  evolve: {
    BookAdded: (state, { title }) => ({ ...state, title }),
    BookLent: (state, { due, to }) => ({ ...state, loan: Option.some({ to, due }) }),
    BookReturned: (state) => ({ ...state, loan: Option.none() })
  }
}) {}

/** Books, by id. A book is not there any more once it is returned for the third time. */
export class Shelf extends Projection.make("Shelf", {
  row: Schema.Struct({
    title: Schema.String,
    weight: Schema.Number,
    isLent: Schema.Boolean,
    due: Schema.optionalKey(Due),
    returned: Schema.Int
  }),
  events: [BookAdded, BookLent, BookReturned],
  indexes: { byTitle: ["title"], byLoan: ["isLent", "due"], byWeight: ["weight"] }
}).fold({
  on: {
    BookAdded: (_, { title, weight }) => ({ title, weight, isLent: false, returned: 0 }),
    BookLent: (row, { due }) => row && { ...row, isLent: true, due },
    BookReturned: (row) => {
      if (row === undefined || row.returned === 2) return undefined
      const { due: _, ...kept } = row
      return { ...kept, isLent: false, returned: row.returned + 1 }
    }
  }
}) {}

/** Who has how many books. Its keys are whatever people are called. */
export class Readers extends Projection.make("Readers", {
  row: Schema.Struct({ books: Schema.Int }),
  events: [BookLent]
}).fold({
  initial: { books: 0 },
  key: { BookLent: ({ to }) => to },
  on: { BookLent: ({ books }) => ({ books: books + 1 }) }
}) {}

export const Library = Domain.make("Library", { aggregates: [Book], projections: [Shelf, Readers] })
