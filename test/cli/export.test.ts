import { describe, expect, it } from "@effect/vitest"
import { CommitId, EventStore, EventStoreError, Limits, StoreAdmin } from "@varve/core"
import { Context, Effect } from "effect"
import { TestClock } from "effect/testing"
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as History from "./copying/History.ts"
import * as Run from "./copying/Run.ts"

const seed = Date.now() % 1_000_000
console.log(`export.test.ts: seed ${seed}`)

/** A store with a history in it, and its export. */
const filled = (seed: number, commits: number) =>
  Effect.gen(function*() {
    const services = yield* Run.memory
    yield* History.fill(services, History.chance(seed), commits)
    const { code, out } = yield* Run.varve(services, "plain", ["export"])
    expect(code).toBe(0)
    return { services, text: out }
  })

describe("varve export", () => {
  it.effect("writes a line an event, its keys in a fixed order, and says how many on standard error", () =>
    Effect.gen(function*() {
      const services = yield* Run.memory
      const id = CommitId.make("01a1fde3-cef5-768a-906c-524c2a5d2f11")
      yield* Context.get(services, EventStore.EventStore).append({
        id,
        writes: [{
          stream: { tenant: "acme", category: "Purchase", id: "1" },
          expected: 0,
          events: [
            { type: "OrderPlaced", revision: 1, payload: { total: 3, b: -0, "2": 1e21, "1": "\u2028" } },
            { type: "OrderSent", revision: 7, payload: {} }
          ]
        }],
        metadata: { actor: "ada" },
        fingerprint: "abc"
      })
      yield* Context.get(services, StoreAdmin.StoreAdmin)
        .erase({ stream: { tenant: "acme", category: "Purchase", id: "1" }, from: 2, to: 2 })
      const { code, err, out } = yield* Run.varve(services, "plain", ["export"])
      const start = `"recordedAt":"1970-01-01T00:00:00.000Z","commitId":"${id}"`
      const end = `"occurredAt":"1970-01-01T00:00:00.000Z"`
      const metadata = `"metadata":{"actor":"ada","fingerprint":"abc"}}`
      const stream = `"tenant":"acme","category":"Purchase","id":"1"`
      expect(out).toBe(
        `{"position":1,${start},"commitIndex":0,"commitEvents":2,${stream},"version":1,"type":"OrderPlaced","revision":1,${end},`
          + `"payload":{"1":"\u2028","2":1e+21,"total":3,"b":-0},${metadata}\n`
          + `{"position":2,${start},"commitIndex":1,${stream},"version":2,"type":"OrderSent","revision":7,${end},`
          + `"payload":null,${metadata}\n`
      )
      expect(err).toMatch(/^Exported 2 events, positions 1 to 2, \d+ bytes, in 0.0 s\n$/)
      expect(code).toBe(0)
    }))

  it.effect("says in the first line of a commit of several how many they are", () =>
    Effect.gen(function*() {
      const { text } = yield* filled(seed, 50)
      const lines = text.split("\n").slice(0, -1).map((line) => JSON.parse(line))
      const counts = Map.groupBy(lines, ({ commitId }) => commitId)
      for (const { commitEvents, commitId, commitIndex, position } of lines) {
        const { length } = counts.get(commitId)!
        const expected = commitIndex === 0 && length > 1 ? length : undefined
        expect({ seed, position, commitEvents }).toEqual({ seed, position, commitEvents: expected })
      }
    }))

  it.effect("writes nothing of an empty store", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Run.varve(yield* Run.memory, "plain", ["export"])
      expect({ code, out }).toEqual({ code: 0, out: "" })
      expect(err).toContain("Exported 0 events")
    }))

  it.effect("tells a program what it wrote: on standard error, or on standard output where that is free", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed, 5)
      const events = History.lines(text).length
      const piped = yield* Run.varve(services, "plain", ["export", "--json"])
      expect(piped.out).toBe(text)
      expect(JSON.parse(piped.err)).toMatchObject({ events, after: 0, until: events, bytes: Buffer.byteLength(text) })
      const file = join(Run.directory(), "events.ndjson")
      const written = yield* Run.varve(services, "plain", ["export", "--json", "-o", file])
      expect(JSON.parse(written.out)).toMatchObject({ file, events, resumedAfter: 0, cut: 0 })
      expect(readFileSync(file, "utf8")).toBe(text)
    }))

  it.effect("writes what lies between two positions, which are ends of commits", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed + 1, 40)
      const lines = History.lines(text)
      const ends = lines.filter(({ commitId }, i) => lines[i + 1]?.commitId !== commitId).map(({ position }) =>
        position
      )
      const inside = lines.map(({ position }) => position).find((position) => !ends.includes(position))!
      const [after, until] = [ends[5]!, ends[20]!]
      const some = yield* Run.varve(services, "plain", ["export", "--after", `${after}`, "--until", `${until}`])
      expect(some.out).toBe(text.split("\n").slice(after, until).map((line) => `${line}\n`).join(""))
      const begins = inside - lines[inside - 1]!.commitIndex
      for (const flag of ["--after", "--until"]) {
        const { code, err } = yield* Run.varve(services, "plain", ["export", flag, `${inside}`])
        expect(code).toBe(2)
        expect(err).toContain(`varve: ${flag} ${inside}: expected the end of a commit, got the middle of one`)
        expect(err).toContain(`begins at position ${begins}; say ${begins - 1}`)
      }
      const beyond = yield* Run.varve(services, "plain", ["export", "--after", `${lines.length + 1}`])
      expect(beyond.err).toContain(`--after: expected a position from 0 to ${lines.length}, the head of the store`)
      const back = yield* Run.varve(services, "plain", ["export", "--after", `${until}`, "--until", `${after}`])
      expect(back.err).toContain(`--until: expected ${until} or more, as --after is, got ${after}`)
    }))
})

describe("varve export --output", () => {
  it.effect("takes up an export that was cut anywhere, and ends with the same bytes", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed + 2, 30)
      const bytes = Buffer.from(text)
      const below = History.chance(seed)
      const lineEnds = Array.from(bytes.keys()).filter((i) => bytes[i] === 0x0A).map((i) => i + 1)
      const ends = History.lines(text).flatMap(({ commitId, position }, i, all) =>
        all[i + 1]?.commitId === commitId ? [] : [position]
      )
      const cuts = [0, 1, bytes.length - 1, ...Array.from({ length: 30 }, () => below(bytes.length)), ...lineEnds]
      const file = join(Run.directory(), "events.ndjson")
      for (const cut of cuts) {
        writeFileSync(`${file}.partial`, bytes.subarray(0, cut))
        const { code, err } = yield* Run.varve(services, "plain", ["export", "-o", file])
        expect({ cut, code }).toMatchObject({ code: 0 })
        const lines = lineEnds.filter((end) => end <= cut).length
        const whole = Math.max(0, ...ends.filter((position) => position <= lines))
        const off = cut - (lineEnds[whole - 1] ?? 0)
        const said = `goes up to position ${whole}${
          off > 0 ? `; ${off.toLocaleString("en-US")} bytes behind it, ` : "\n"
        }`
        if (cut > 0) expect(err).toContain(said)
        expect(readFileSync(file, "utf8")).toBe(text)
        expect(existsSync(`${file}.partial`)).toBe(false)
      }
    }))

  it.effect("cuts off what is behind a whole export, also when there is nothing to add", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed, 5)
      const file = join(Run.directory(), "events.ndjson")
      writeFileSync(file, `${text}{"position":`)
      const { code, err } = yield* Run.varve(services, "plain", ["export", "-o", file])
      expect(code).toBe(0)
      expect(err).toContain("; 12 bytes behind it, which are no whole commit, are cut off")
      expect(readFileSync(file, "utf8")).toBe(text)
    }))

  it.effect("adds to a whole file what the store got since, and cuts off what is no whole commit", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed + 3, 10)
      const file = join(Run.directory(), "events.ndjson")
      yield* Run.varve(services, "plain", ["export", "-o", file])
      expect(readFileSync(file, "utf8")).toBe(text)
      yield* History.fill(services, History.chance(seed + 4), 10, false)
      const more = yield* Run.varve(services, "plain", ["export"])
      appendFileSync(file, more.out.slice(text.length, text.length + 100))
      const head = History.lines(text).length
      const { err, out } = yield* Run.varve(services, "plain", ["export", "-o", file])
      expect(err).toBe(
        `${file} goes up to position ${head}; 100 bytes behind it, which are no whole commit, are cut off\n`
      )
      expect(out).toContain(`Exported ${History.lines(more.out).length - head} events, positions ${head + 1} to `)
      expect(readFileSync(file, "utf8")).toBe(more.out)
    }))

  it.effect("refuses to go on with a file that does not come from this store as it is", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed + 5, 10)
      const other = yield* filled(seed + 6, 10)
      const file = join(Run.directory(), "events.ndjson")
      const failure = (content: string, ...args: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          writeFileSync(`${file}.partial`, content)
          const { code, err, out } = yield* Run.varve(services, "plain", ["export", "-o", file, ...args])
          expect({ code, out }).toEqual({ code: 2, out: "" })
          expect(readFileSync(`${file}.partial`, "utf8")).toBe(content)
          expect(existsSync(file)).toBe(false)
          return err
        })
      expect(yield* failure(other.text)).toContain("line 1 does not come from this store as it is today, position 1")
      expect(yield* failure("hello\n")).toContain(`.partial, line 1: expected a JSON object, got "hello"`)
      const lines = text.split("\n")
      expect(yield* failure(`${lines.slice(1).join("\n")}`)).toContain("line 1, position: expected 1, got 2")
      const [last] = History.lines(text).slice(-1)
      const changed = text.slice(0, text.lastIndexOf(`"metadata"`)) + `"metadata":{"actor":"eve"}}\n`
      expect(yield* failure(changed)).toContain(
        `last line does not come from this store as it is today, position ${last!.position}`
      )
      const until = History.lines(text).find(({ commitId }) => commitId !== last!.commitId)!.commitId
      const end = History.lines(text).filter(({ commitId }) => commitId === until).at(-1)!.position
      expect(yield* failure(text, "--until", `${end}`)).toContain(`expected events up to position ${end} at most`)
    }))

  it.effect("leaves a file that is none of its own as it is, and where it is", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed + 7, 10)
      const other = (yield* filled(seed + 8, 10)).text
      const folder = Run.directory()
      const file = join(folder, "events.ndjson")
      // The first ones have no whole line, and may look like the beginning of one.
      const start = text.slice(0, 40)
      const contents = ["secret", start.replace("1", "2"), `${start}\u0000`, "x".repeat(2_000_000), "secret\n", other]
      for (const content of contents) {
        writeFileSync(file, content)
        const { code, err, out } = yield* Run.varve(services, "plain", ["export", "-o", file])
        expect({ code, out }).toEqual({ code: 2, out: "" })
        expect(err).toMatch(/^varve: [^\n]*events\.ndjson, line 1[^\n]+\n$/)
        expect(readdirSync(folder)).toEqual(["events.ndjson"])
        expect(readFileSync(file, "utf8")).toBe(content)
      }
      // Beside an export that was begun.
      writeFileSync(`${file}.partial`, text.slice(0, 1_000))
      const { code } = yield* Run.varve(services, "plain", ["export", "-o", file])
      expect(code).toBe(2)
      expect(readFileSync(file, "utf8")).toBe(other)
      expect(readFileSync(`${file}.partial`, "utf8")).toBe(text.slice(0, 1_000))
    }))

  it.effect("refuses a second one into the same file, and nothing of it is lost", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed + 9, 60)
      const file = join(Run.directory(), "events.ndjson")
      const store = Context.get(services, EventStore.EventStore)
      let pages = 0
      const interrupted = Context.add(services, EventStore.EventStore, {
        ...store,
        readPage: (request) =>
          Effect.gen(function*() {
            // The other one begins and ends while this one reads its second page.
            if (++pages === 2) {
              const { code } = yield* Run.varve(services, "plain", ["export", "-o", file])
              expect(code).toBe(0)
            }
            return yield* store.readPage(request)
          })
      })
      const { code, err, out } = yield* Run.varve(interrupted, "plain", ["export", "-o", file])
      expect(pages).toBe(2)
      expect({ code, out }).toEqual({ code: 2, out: "" })
      expect(err).toMatch(
        /\.partial: expected \d+ bytes, as this export has left it, got \d+: somebody else writes to it/
      )
      expect(readFileSync(file, "utf8")).toBe(text)
    }))

  it.effect("reads no more at a time than fits, be the next events the largest there are", () =>
    Effect.gen(function*() {
      const { services } = yield* filled(seed, 200)
      const store = Context.get(services, EventStore.EventStore)
      const asked: Array<number> = []
      const watched = Context.add(services, EventStore.EventStore, {
        ...store,
        readPage: (request) => {
          asked.push(request.limit ?? Limits.eventsPerPageDefault)
          return store.readPage(request)
        }
      })
      yield* Run.varve(watched, "plain", ["export"])
      // The longest text of V8 has 2^29 characters; little events come many at a time.
      const most = Math.max(...asked)
      expect(most * (Limits.payloadBytes + Limits.metadataBytes)).toBeLessThan(2 ** 29)
      expect(most).toBeGreaterThan(100)
    }))

  it.effect("takes its bar away before it tells what went wrong", () =>
    Effect.gen(function*() {
      const { services } = yield* filled(seed, 60)
      const store = Context.get(services, EventStore.EventStore)
      const seen: Array<string> = []
      const show = (what: string) => Effect.sync(() => void seen.push(what))
      const broken = Context.add(services, EventStore.EventStore, {
        ...store,
        readPage: (request) =>
          seen.length === 0
            ? store.readPage(request)
            : Effect.fail(
              new EventStoreError.EventStoreError({
                operation: "read",
                reason: new EventStoreError.Unavailable({ what: "database", expected: "an answer", actual: "none" })
              })
            )
      })
      // As bin.ts has it on a terminal.
      const Display = Context.Reference("@varve/cli/Display", { defaultValue: () => ({}) })
      const { code } = yield* Run.varve(broken, "plain", ["export"]).pipe(
        Effect.provideService(Display, { everyMillis: 0, show: () => show("bar"), clear: show("clear") })
      )
      expect({ code, seen }).toEqual({ code: 2, seen: ["bar", "clear"] })
    }))

  it.effect("tells in minutes and seconds how long it took", () =>
    Effect.gen(function*() {
      const { services } = yield* filled(seed, 3)
      const store = Context.get(services, EventStore.EventStore)
      for (
        const [millis, words] of [[59_940, "59.9 s"], [59_960, "1 min 0 s"], [119_700, "2 min 0 s"], [
          61_000,
          "1 min 1 s"
        ]]
      ) {
        const slow = Context.add(services, EventStore.EventStore, {
          ...store,
          readPage: (request) => Effect.andThen(TestClock.adjust(millis as number), store.readPage(request))
        })
        expect((yield* Run.varve(slow, "plain", ["export"])).err).toContain(`, in ${words}\n`)
      }
    }))

  it.effect("tells where it cannot write", () =>
    Effect.gen(function*() {
      const services = yield* Run.memory
      const folder = Run.directory()
      const into = yield* Run.varve(services, "plain", ["export", "-o", folder])
      expect(into).toMatchObject({ code: 2, err: `varve: ${folder}: expected a file, got a directory\n` })
      const below = join(folder, "no", "such")
      const missing = yield* Run.varve(services, "plain", ["export", "-o", below])
      expect(missing.code).toBe(2)
      expect(missing.err).toContain("there is no such")
    }))
})
