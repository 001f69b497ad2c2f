import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Entry, Readable, Wanted } from "../../ProgramStore.ts"
import type { Failure } from "./fixture.ts"
import { define, type Definition, plain, ProgramFixture } from "./programFixture.ts"

const between = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const categories = ["", "A", "B"]
const types = ["X", "Y", "Z"]

const placesOf = (least: number) =>
  Arbitrary.array(
    Arbitrary.all({
      category: between(least, categories.length - 1),
      type: between(0, types.length - 1),
      revision: between(1, 4),
      former: between(0, types.length * 3)
    }),
    { minLength: 0, maxLength: 5 }
  )

const schedule = Arbitrary.array(
  Arbitrary.all({ program: between(0, 4), leaves: between(0, 3), reads: placesOf(0), writes: placesOf(1) }),
  { minLength: 1, maxLength: 14 }
)

type Schedule = typeof schedule extends Arbitrary.Arbitrary<infer A> ? A : never

/** Random places, each once. */
const distinct = (t: ProgramFixture, places: Schedule[number]["reads"]): ReadonlyArray<Wanted> => {
  const all = places.map(({ category, former, revision, type }) =>
    t.over(t.at(types[type]!, revision, categories[category]), ...types.filter((_, i) => i === former && i !== type))
  )
  return [...new Map(all.map((place) => [`${place.category}/${place.type}`, place])).values()]
}

/** What the contract says, as plainly as it can be said. */
class Model {
  readonly alive = new Map<string, Entry>()
  writable: ReadonlyArray<Wanted> = []

  /** What a program can read of a place; `undefined` where it does not mind. */
  reads({ reads }: Entry, { category, type }: Readable): number | undefined {
    const said = reads.filter((read) => read.type === type && (read.category === category || read.category === ""))
      .map(({ revision }) => revision)
    const lacks = reads.some((read) => read.category === category)
      && !reads.some((read) => read.category === category && read.type === type)
    const all = lacks ? [...said, 0] : said
    return all.length === 0 ? undefined : Math.min(...all)
  }

  /** Whether a program would pass over a place that it reads under a name of before. */
  passes(entry: Entry, place: Readable, formerly: ReadonlyArray<string>): boolean {
    return this.reads(entry, place) === undefined
      && entry.reads.some(({ category, type }) => category === "" && formerly.includes(type))
  }

  enter(entry: Entry): ReadonlyArray<Readable> | "refused" {
    const minds = (place: Wanted) =>
      (this.reads(entry, place) ?? place.revision) < place.revision || this.passes(entry, place, place.formerly)
    if (this.writable.some(minds)) return "refused"
    this.alive.set(entry.id, entry)
    return entry.writes.map((wanted) => {
      const write = plain(wanted)
      const programs = [...this.alive.values()]
      if (programs.some((program) => this.passes(program, write, wanted.formerly))) return { ...write, revision: 0 }
      const isHere = ({ category, type }: Readable) => category === write.category && type === write.type
      const readable = programs.map((program) => this.reads(program, write) ?? write.revision)
      const before = this.writable.find(isHere)
      const revision = Math.max(before?.revision ?? 0, Math.min(write.revision, ...readable))
      const formerly = [...new Set([...before?.formerly ?? [], ...wanted.formerly])]
      const next = { ...write, revision, formerly }
      if (revision > 0) this.writable = [...this.writable.filter((place) => !isHere(place)), next]
      return { ...write, revision }
    })
  }
}

const runSchedule = (t: ProgramFixture, steps: Schedule): Effect.Effect<boolean, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const model = new Model()
    const programs = Array.from({ length: 5 }, (_, i) => t.entry(`program ${i}`))
    for (const [i, { leaves, program, reads, writes }] of steps.entries()) {
      const step = `step ${i + 1}`
      const entry: Entry = { ...programs[program]!, reads: distinct(t, reads), writes: distinct(t, writes) }
      if (leaves === 0) {
        yield* t.programs.leave(entry.id)
        model.alive.delete(entry.id)
      } else {
        const expected = model.enter(entry)
        if (expected === "refused") yield* t.refused(step, t.programs.enter(entry))
        else yield* t.equal(`answer of ${step}`, (yield* t.enter(entry)).map(plain), expected)
      }
    }
    for (const entry of model.alive.values()) {
      const answer = (yield* t.enter(entry)).map(plain)
      yield* t.equal("answer to one who asks again in the end", answer, model.enter(entry))
    }
    yield* t.opens("in the end", ...model.writable)
    yield* t.lives("in the end", ...model.alive.values())
    return true
  })

const anySchedule = define(
  "any schedule of programs that come and go is judged as the contract says",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const result = yield* Arbitrary.checkEffect(
      schedule,
      (steps) => Effect.scoped(runSchedule(new ProgramFixture(t.name, t.seed, t.store, t.admin, t.programs), steps)),
      { runs: 60, maxShrinks: 60, seed: t.seed }
    )
    const failure = Arbitrary.formatCheckFailure(result)
    yield* t.holds(`property with seed ${t.seed}`, failure === undefined, "no schedule that breaks it", failure)
  })
)

/** Random programs against a model of the contract. */
export const cases: ReadonlyArray<Definition> = [anySchedule]
