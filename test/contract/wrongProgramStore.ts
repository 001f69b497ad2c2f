/**
 * Ways to be a wrong program store, each one rule of a plain one that is another.
 */
import { EventStore, EventStoreError, Limits, ProgramStore, StoreAdmin } from "@varve/core"
import { Context, DateTime, Duration, Effect, Layer } from "effect"

/** A program store that is wrong in one way. */
export interface WrongProgramStore {
  readonly name: string
  /** Where a real system was wrong in this way: the system and its issue or pull request, on GitHub. */
  readonly reference?: string
  readonly layer: Layer.Layer<EventStore.EventStore | ProgramStore.ProgramStore | StoreAdmin.StoreAdmin>
}

/** A program as it is kept. */
export interface Kept extends ProgramStore.Program {
  readonly expiry: Duration.Duration
  readonly until: number
}

type Place = Pick<ProgramStore.Readable, "category" | "type">

/** What a program says of a place: in its category, and everywhere. `whole`: whether it reads the category. */
export interface Said {
  readonly whole: boolean
  readonly here: number | undefined
  readonly everywhere: number | undefined
}

/** The rules of a program store. */
export interface Rules {
  /** Why an entry is out of bounds. */
  readonly check: typeof ProgramStore.check
  /** What a program is known by. */
  readonly key: (entry: Pick<ProgramStore.Entry, "id" | "name">) => string
  readonly isFull: (programs: number, isKnown: boolean) => boolean
  /** What is kept of a program, of which there may be something before. */
  readonly keep: (next: Kept, before: Kept | undefined) => Kept
  readonly isExpired: (program: Kept, now: number) => boolean
  /** How long a time does not count, for anybody, of which nobody was heard when somebody enters with an expiry. */
  readonly uncounted: (silence: number, expiry: number) => number
  /** Whether programs that have expired are told. */
  readonly tellsExpired: boolean
  /** What a program can read of a place; `undefined` where it does not mind. */
  readonly readable: (said: Said) => number | undefined
  /** Whether a program is refused that can read so much of what may be written. */
  readonly isBeyond: (readable: number | undefined, opened: ProgramStore.Opened) => boolean
  /** The types that a program asks for whatever their category. */
  readonly named: (reads: ReadonlyArray<ProgramStore.Readable>) => ReadonlyArray<string>
  /**
   * Whether a program would pass over a place, by what it says of it, and by the types of before that it asks for: when
   * somebody is to write it, and when the program enters and it may be written.
   */
  readonly passesOver: (said: Said, former: ReadonlyArray<string>, when: "writing" | "entering") => boolean
  /** What may be written of a place that somebody would pass over, of what may be already. */
  readonly passed: (before: number) => number
  /** The types that a place was stored under before, by who may write so much of it now, and of those that were said before. */
  readonly former: (
    next: ReadonlyArray<string>,
    before: ReadonlyArray<string>,
    revision: number
  ) => ReadonlyArray<string>
  readonly afterRefusal: (programs: Map<string, Kept>, refused: Kept) => void
  /** The programs whose reading counts when one of them asks. */
  readonly asked: (all: ReadonlyArray<Kept>, who: Kept) => ReadonlyArray<Kept>
  /** What may be written, of what is wanted, what each that is asked can read, and what may be already. */
  readonly judge: (wanted: number, readable: ReadonlyArray<number | undefined>, before: number) => number
  /** What is kept of a judgement, of what was kept before; nothing where it is `undefined`. */
  readonly open: (
    next: ProgramStore.Opened,
    before: ProgramStore.Opened | undefined
  ) => ProgramStore.Opened | undefined
  readonly answer: (
    answer: ReadonlyArray<ProgramStore.Readable>,
    entry: ProgramStore.Entry
  ) => ReadonlyArray<ProgramStore.Readable>
  readonly leave: (programs: Map<string, Kept>, opened: Map<string, ProgramStore.Opened>, id: string) => void
  /** What comes between judging a program and entering it. */
  readonly between: Effect.Effect<void>
  readonly tell: (programs: ReadonlyArray<Kept>) => ReadonlyArray<Kept>
  readonly tellOpened: (opened: ReadonlyArray<ProgramStore.Opened>) => ReadonlyArray<ProgramStore.Opened>
}

const text = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

export const byPlace = (a: Place, b: Place): number => text(a.category, b.category) || text(a.type, b.type)

/** Those of a right store. */
export const right: Rules = {
  check: ProgramStore.check,
  key: ({ id }) => id,
  isFull: (programs, isKnown) => !isKnown && programs >= Limits.programs,
  keep: (next) => next,
  isExpired: ({ until }, now) => until <= now,
  uncounted: (silence, expiry) => Math.max(0, silence - expiry / 3),
  tellsExpired: false,
  readable: ({ everywhere, here, whole }) => {
    const said = [whole ? here ?? 0 : undefined, everywhere].filter((revision) => revision !== undefined)
    return said.length === 0 ? undefined : Math.min(...said)
  },
  isBeyond: (readable, { revision }) => readable !== undefined && readable < revision,
  named: (reads) => reads.filter(({ category }) => category === "").map(({ type }) => type),
  passesOver: ({ everywhere, whole }, former) => former.length > 0 && !whole && everywhere === undefined,
  passed: () => 0,
  former: (next, before, revision) => revision === 0 ? before : [...new Set([...before, ...next])].toSorted(text),
  afterRefusal: () => {},
  asked: (all) => all,
  judge: (wanted, readable, before) =>
    Math.max(before, Math.min(wanted, ...readable.filter((revision) => revision !== undefined))),
  open: (next, before) => next.revision > (before?.revision ?? 0) ? next : before,
  answer: (answer) => answer,
  leave: (programs, _, id) => {
    programs.delete(id)
  },
  between: Effect.void,
  tell: (programs) => programs.toSorted((a, b) => text(a.name, b.name) || text(a.id, b.id)),
  tellOpened: (opened) => opened.toSorted(byPlace)
}

const refuse = (reason: EventStoreError.Refused) =>
  new EventStoreError.EventStoreError({ operation: "programs", reason })

const placeOf = ({ category, type }: Place): string => `${category}/${type}`

const saidOf = ({ reads }: Kept, { category, type }: Place): Said => ({
  whole: reads.some((read) => read.category === category),
  here: reads.find((read) => read.category === category && read.type === type)?.revision,
  everywhere: reads.find((read) => read.category === "" && read.type === type)?.revision
})

/** A program store by some rules. */
export const make = (rules: Rules): ProgramStore.ProgramStore["Service"] => {
  const programs = new Map<string, Kept>()
  const opened = new Map<string, ProgramStore.Opened>()

  const forget = (now: number) => {
    for (const [key, program] of programs) if (rules.isExpired(program, now)) programs.delete(key)
  }

  let heardAt: number | undefined

  const hear = (now: number, expiry: number) => {
    const uncounted = rules.uncounted(now - (heardAt ?? now), expiry)
    heardAt = now
    for (const [key, program] of programs) programs.set(key, { ...program, until: program.until + uncounted })
  }

  const formerOf = ({ reads }: Kept, formerly: ReadonlyArray<string>) => {
    const named = rules.named(reads)
    return formerly.filter((type) => named.includes(type)).toSorted(text)
  }

  const enter = Effect.fnUntraced(function*(entry: ProgramStore.Entry) {
    const wrong = rules.check(entry)
    if (wrong !== undefined) return yield* refuse(wrong)
    const now = yield* DateTime.now
    hear(now.epochMilliseconds, Duration.toMillis(entry.expiry))
    forget(now.epochMilliseconds)
    const { expiry, id, name } = entry
    const key = rules.key(entry)
    if (rules.isFull(programs.size, programs.has(key))) return yield* refuse(ProgramStore.tooMany(entry))
    const until = now.epochMilliseconds + Duration.toMillis(expiry)
    const reads = entry.reads.toSorted(byPlace)
    const next: Kept = { id, name, reads, seenAt: now, expiry, until }
    for (const one of [...opened.values()].toSorted(byPlace)) {
      const readable = rules.readable(saidOf(next, one))
      const former = formerOf(next, one.formerly)
      const isPassed = rules.passesOver(saidOf(next, one), former, "entering")
      if (!rules.isBeyond(readable, one) && !isPassed) continue
      rules.afterRefusal(programs, next)
      return yield* refuse(
        isPassed ? ProgramStore.passesOver(entry, one, former[0]!) : ProgramStore.beyond(entry, one, readable ?? 0)
      )
    }
    const kept = rules.keep(next, programs.get(key))
    const asked = rules.asked([...programs.values()].filter((program) => rules.key(program) !== key).concat(kept), kept)
    yield* rules.between
    programs.set(key, kept)
    const answer = entry.writes.map(({ category, formerly, revision: wanted, type }) => {
      const before = opened.get(placeOf({ category, type }))
      const readable = asked.map((program) => rules.readable(saidOf(program, { category, type })))
      const isPassed = asked.some((program) =>
        rules.passesOver(saidOf(program, { category, type }), formerOf(program, formerly), "writing")
      )
      const most = before?.revision ?? 0
      const revision = isPassed ? rules.passed(most) : rules.judge(wanted, readable, most)
      const next = rules.open({ category, type, revision, formerly: [], by: name, at: now }, before)
      const former = rules.former(formerly, before?.formerly ?? [], revision)
      if (next !== undefined) opened.set(placeOf({ category, type }), { ...next, formerly: former })
      return { category, type, revision }
    })
    return rules.answer(answer, entry)
  })

  return {
    enter,
    leave: (id) => Effect.sync(() => rules.leave(programs, opened, id)),
    programs: Effect.map(DateTime.now, (now) => {
      const told = [...programs.values()].filter((program) =>
        rules.tellsExpired || !rules.isExpired(program, now.epochMilliseconds)
      )
      return rules.tell(told).map(({ id, name, reads, seenAt }) => ({ id, name, reads, seenAt }))
    }),
    writable: Effect.sync(() => rules.tellOpened([...opened.values()].filter(({ revision }) => revision > 0)))
  }
}

const layerOf = (rules: () => Rules): WrongProgramStore["layer"] =>
  Layer.effectContext(Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const admin = yield* StoreAdmin.StoreAdmin
    return Context.make(ProgramStore.ProgramStore, make(rules())).pipe(
      Context.add(EventStore.EventStore, store),
      Context.add(StoreAdmin.StoreAdmin, admin)
    )
  })).pipe(Layer.provide(EventStore.layerMemory))

/** The plain store without a fault: what is wrong with the others is their one rule. */
export const layerRight: WrongProgramStore["layer"] = layerOf(() => right)

/** A program store of which some rules are others. */
export const wrong = (name: string, rules: Partial<Rules>): WrongProgramStore => ({
  name,
  layer: layerOf(() => ({ ...right, ...rules }))
})
