/**
 * Program stores that are wrong on purpose, each in one way: what their contract is judged by.
 */
import { Limits } from "@varve/core"
import { Duration, Effect } from "effect"
import { byPlace, right, wrong, type WrongProgramStore } from "./wrongProgramStore.ts"

const lives: ReadonlyArray<WrongProgramStore> = [
  wrong("never forgets a program", { isExpired: () => false }),
  wrong("forgets everybody at once", { isExpired: () => true }),
  wrong("tells of programs that have expired until somebody enters", { tellsExpired: true }),
  wrong("keeps the time that a program asked for first", {
    keep: (next, before) => ({ ...next, until: before?.until ?? next.until })
  }),
  wrong("keeps the length of time that a program asked for first", {
    keep: (next, before) =>
      before === undefined
        ? next
        : { ...next, expiry: before.expiry, until: next.seenAt.epochMilliseconds + Duration.toMillis(before.expiry) }
  }),
  wrong("counts time in minutes", {
    isExpired: ({ until }, now) => Math.ceil(until / 60_000) <= Math.floor(now / 60_000)
  }),
  wrong("counts time of which nobody is heard", { uncounted: () => 0 }),
  wrong("counts no time of which nobody is heard", { uncounted: (silence) => silence }),
  wrong("tells when a program was heard of first", {
    keep: (next, before) => ({ ...next, seenAt: before?.seenAt ?? next.seenAt })
  }),
  wrong("keeps a program that has left", { leave: () => {} }),
  wrong("forgets all programs when one leaves", { leave: (programs) => programs.clear() }),
  wrong("forgets the first program when one leaves that is not there", {
    leave: (programs, _, id) => {
      if (!programs.delete(id)) programs.delete([...programs.keys()][0] ?? "")
    }
  }),
  wrong("knows programs by their names", {
    key: ({ name }) => name,
    leave: (programs, _, id) => {
      for (const [key, program] of programs) if (program.id === id) programs.delete(key)
    }
  }),
  wrong("keeps what a program read first", {
    keep: (next, before) => ({ ...next, reads: before?.reads ?? next.reads })
  }),
  wrong("adds what a program reads to what it has read", {
    keep: (next, before) => {
      const all = [...before?.reads ?? [], ...next.reads].map((read) =>
        [`${read.category}/${read.type}`, read] as const
      )
      return { ...next, reads: [...new Map(all).values()].toSorted(byPlace) }
    }
  }),
  wrong("keeps the name that a program had first", {
    keep: (next, before) => ({ ...next, name: before?.name ?? next.name })
  }),
  wrong("tells programs in the order in which they came", { tell: (programs) => programs }),
  wrong("tells what a program reads in the order of types", {
    tell: (programs) =>
      right.tell(programs).map((program) => ({
        ...program,
        reads: program.reads.toSorted((a, b) => a.type < b.type ? -1 : 1)
      }))
  })
]

const openings: ReadonlyArray<WrongProgramStore> = [
  wrong("lets a writer open what it wants", { asked: () => [] }),
  wrong("does not ask who enters", { asked: (all, who) => all.filter((one) => one !== who) }),
  wrong("asks who enters alone", { asked: (_, who) => [who] }),
  wrong("asks the newest programs alone", { asked: (all) => all.slice(-2) }),
  wrong("opens what the newest can read", {
    judge: (wanted, readable, before) =>
      Math.max(before, Math.min(wanted, Math.max(0, ...readable.map((revision) => revision ?? wanted))))
  }),
  wrong("opens more than is wanted", {
    judge: (wanted, readable, before) => {
      const said = readable.filter((revision) => revision !== undefined)
      return Math.max(before, said.length === 0 ? wanted : Math.min(...said))
    }
  }),
  wrong("answers less than may be written", { judge: (wanted, readable) => right.judge(wanted, readable, 0) }),
  wrong("lets what may be written fall", {
    judge: (wanted, readable) => right.judge(wanted, readable, 0),
    open: (next) => next
  }),
  wrong("forgets what may be written with the last program", {
    leave: (programs, opened, id) => {
      programs.delete(id)
      if (programs.size === 0) opened.clear()
    }
  }),
  wrong("does not keep what may be written", { open: (_, before) => before }),
  wrong("keeps the first revision that could be written", { open: (next, before) => before ?? next }),
  wrong("tells who asked last", {
    open: (next, before) => ({ ...next, revision: Math.max(next.revision, before?.revision ?? 0) })
  }),
  wrong("tells who opened the first revision", {
    open: (next, before) =>
      before === undefined || next.revision > before.revision ? { ...next, by: before?.by ?? next.by } : before
  }),
  wrong("answers in the order of types", { answer: (answer) => answer.toSorted(byPlace) }),
  wrong("answers only what may be written", { answer: (answer) => answer.filter(({ revision }) => revision > 0) }),
  wrong("answers what is wanted", { answer: (_, { writes }) => writes }),
  wrong("tells what may be written in the order in which it came", { tellOpened: (opened) => opened }),
  wrong("judges before it enters", { between: Effect.yieldNow })
]

const readings: ReadonlyArray<WrongProgramStore> = [
  wrong("does not mind types that are unknown in a category", {
    readable: ({ everywhere, here }) =>
      here === undefined ? everywhere : Math.min(here, everywhere ?? Number.MAX_SAFE_INTEGER)
  }),
  wrong("takes a reader of types for one of everything", {
    readable: (said) => right.readable({ ...said, whole: true })
  }),
  wrong("does not ask readers of types", { readable: (said) => right.readable({ ...said, everywhere: undefined }) }),
  wrong("asks readers of types where they do not read the category", {
    readable: (said) => right.readable(said.whole ? { ...said, everywhere: undefined } : said)
  }),
  wrong("asks who reads both of the type alone", { readable: (said) => said.everywhere ?? right.readable(said) }),
  wrong("takes the higher of what a program says of a type and its category", {
    readable: (said) => {
      const revisions = [said.whole ? said.here ?? 0 : undefined, said.everywhere]
        .filter((revision) => revision !== undefined)
      return revisions.length === 0 ? undefined : Math.max(...revisions)
    }
  }),
  wrong("takes an unknown type for one of revision 1", {
    readable: (said) => right.readable({ ...said, here: said.here ?? 1 })
  }),
  wrong("refuses nobody", { isBeyond: () => false }),
  wrong("refuses who does not know a type, and not who knows an older revision", {
    isBeyond: (readable) => readable === 0
  }),
  wrong("refuses who knows an older revision, and not who does not know the type", {
    isBeyond: (readable, opened) => readable !== 0 && right.isBeyond(readable, opened)
  }),
  wrong("refuses who can read just what may be written", {
    isBeyond: (readable, { revision }) => readable !== undefined && readable <= revision
  }),
  wrong("refuses who does not mind", { isBeyond: (readable, { revision }) => (readable ?? 0) < revision }),
  wrong("enters whom it refuses", { afterRefusal: (programs, refused) => programs.set(refused.id, refused) }),
  wrong("forgets whom it refuses", { afterRefusal: (programs, { id }) => programs.delete(id) })
]

const formers: ReadonlyArray<WrongProgramStore> = [
  wrong("does not ask who reads what a type was stored under before", {
    passesOver: (said, former, when) => when === "entering" && right.passesOver(said, former, when)
  }),
  wrong("lets in who reads what a type was stored under before", {
    passesOver: (said, former, when) => when === "writing" && right.passesOver(said, former, when)
  }),
  wrong("forgets what a type was stored under by who wrote it before", {
    former: (next, before, revision) => revision === 0 ? before : next
  }),
  wrong("keeps what a type was stored under by who wrote it first", {
    former: (next, before, revision) => before.length === 0 ? right.former(next, before, revision) : before
  }),
  wrong("keeps what a type was stored under before it may be written so", {
    former: (next, before) => right.former(next, before, 1)
  }),
  wrong("lets who writes a type in place of another write what those may who do not", { passed: (before) => before }),
  wrong("minds who reads a type of before and the new one", { passesOver: (_, former) => former.length > 0 }),
  wrong("minds who reads a type of before and the category", {
    passesOver: ({ everywhere }, former) => former.length > 0 && everywhere === undefined
  }),
  wrong("minds who reads a type of before in a category", { named: (reads) => reads.map(({ type }) => type) }),
  wrong("knows one type of before", {
    former: (next, before, revision) => right.former(next, before, revision).slice(0, 1)
  }),
  wrong("tells types of before in the order in which they came", {
    former: (next, before, revision) => revision === 0 ? before : [...new Set([...before, ...next])]
  })
]

const bounds: ReadonlyArray<WrongProgramStore> = [
  wrong("checks nothing", { check: () => undefined }),
  wrong("takes any expiry", { check: (entry) => right.check({ ...entry, expiry: Duration.seconds(1) }) }),
  wrong("takes any name", { check: (entry) => right.check({ ...entry, name: "name" }) }),
  wrong("takes any id", { check: (entry) => right.check({ ...entry, id: "00000000-0000-4000-8000-000000000000" }) }),
  wrong("checks no writes", { check: (entry) => right.check({ ...entry, writes: [] }) }),
  wrong("checks no types of before", {
    check: (entry) => right.check({ ...entry, writes: entry.writes.map((write) => ({ ...write, formerly: [] })) })
  }),
  wrong("checks no reads", { check: (entry) => right.check({ ...entry, reads: [] }) }),
  wrong("takes fewer types than the limit", {
    check: (entry) =>
      entry.reads.length < Limits.readsPerProgram ? right.check(entry) : right.check({ ...entry, name: "" })
  }),
  wrong("takes any number of programs", { isFull: () => false }),
  wrong("takes one program more than the limit", {
    isFull: (programs, isKnown) => !isKnown && programs > Limits.programs
  }),
  wrong("hears nobody when it is full", { isFull: (programs) => programs >= Limits.programs })
]

/** The whole shelf. */
export const wrongProgramStores: ReadonlyArray<WrongProgramStore> = [
  ...lives,
  ...openings,
  ...readings,
  ...formers,
  ...bounds
]
