import { describe, expect, it } from "@effect/vitest"
import { EventStore, StoreAdmin, StreamName } from "@varve/core"
import { Embedded } from "@varve/postgres"
import { Effect, Layer, type Scope, Stream, Tracer } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll } from "vitest"
import * as PreparedDirectory from "../support/PreparedDirectory.ts"
import * as Program from "../support/Program.ts"
import * as TestServer from "../support/TestServer.ts"

const stream = StreamName.make("Account", "1")

const directory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "varve-embedded-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

const template = path.join(os.tmpdir(), `varve-embedded-template-${process.pid}`)

/** A copy of a directory with an empty store. */
const prepared: Effect.Effect<string, never, Scope.Scope> = Effect.tap(
  directory,
  (directory) =>
    Effect.gen(function*() {
      if (!fs.existsSync(template)) {
        yield* PreparedDirectory.makeAt(template)
        yield* Effect.scoped(Layer.build(Embedded.layer({ dataDir: template })))
      }
      fs.cpSync(template, directory, { recursive: true })
    }).pipe(Effect.orDie)
)

afterAll(() => fs.rmSync(template, { recursive: true, force: true }))

const append = EventStore.EventStore.use((store) =>
  store.append({ writes: [{ stream, expected: "any", events: [{ type: "Counted", revision: 1, payload: {} }] }] })
)

const withStore = <A, E>(dataDir: string, body: Effect.Effect<A, E, EventStore.EventStore | StoreAdmin.StoreAdmin>) =>
  Effect.provide(body, Embedded.layer({ dataDir }))

/** Why a directory is refused. */
const refusal = (dataDir: string) =>
  Effect.scoped(Layer.build(Embedded.layer({ dataDir }))).pipe(
    Effect.flip,
    Effect.map(({ operation, reason }) => {
      expect(operation).toBe("open")
      if (reason._tag !== "Refused") throw new Error(reason._tag)
      return reason
    })
  )

/** Everything in a directory, with contents. */
const snapshot = (directory: string): ReadonlyArray<string> =>
  fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => fs.statSync(file).isFile() ? `${file}: ${fs.readFileSync(file, "utf8")}` : file)

/** What is there for the time of an opening only. */
const locks = (directory: string) => fs.readdirSync(directory).filter((name) => /^varve\.(?!embedded$)/.test(name))

describe("data directory", () => {
  it.live("keeps the events from one opening to the next", () =>
    Effect.scoped(Effect.gen(function*() {
      const dataDir = path.join(yield* directory, "made", "on the way")
      const first = yield* withStore(dataDir, append)
      expect(locks(dataDir)).toEqual([])
      const [again, events, findings] = yield* withStore(
        dataDir,
        Effect.all([
          append,
          EventStore.EventStore.use((store) => store.readPage({})),
          StoreAdmin.StoreAdmin.use((admin) => admin.verify)
        ])
      )
      expect(again).toMatchObject({ storeId: first.storeId, first: 2 })
      expect(events.events.map(({ commitId }) => commitId)).toEqual([first.commitId, again.commitId])
      expect(findings).toEqual([])
    })), 60_000)

  it.live("is not made without leave to migrate", () =>
    Effect.scoped(Effect.gen(function*() {
      const missing = path.join(yield* directory, "missing")
      const empty = path.join(yield* directory, "empty")
      fs.mkdirSync(empty)
      for (const dataDir of [missing, empty]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Embedded.layer({ dataDir, migrate: false }))))
        expect(error.reason).toMatchObject({
          what: `data directory ${dataDir}`,
          expected: "one of an embedded store",
          actual: "none, and no leave to migrate"
        })
      }
      expect(fs.existsSync(missing)).toBe(false)
      expect(fs.readdirSync(empty)).toEqual([])
    })))

  it.live("is refused when it is a file", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = path.join(yield* directory, "file")
      fs.writeFileSync(file, "content")
      expect(yield* refusal(file)).toMatchObject({
        what: `data directory ${file}`,
        expected: "a directory",
        actual: "a file"
      })
      expect((yield* refusal(path.join(file, "below"))).actual).toBe("a file, there or on the way there")
      expect(fs.readFileSync(file, "utf8")).toBe("content")
    })))

  it.live.skipIf(process.platform !== "linux")("is refused where none can be made", () =>
    Effect.gen(function*() {
      for (const dataDir of ["/proc/varve", "/proc/varve/data"]) {
        expect(yield* refusal(dataDir)).toMatchObject({
          expected: "a directory that can be made",
          actual: "its parent takes none"
        })
      }
    }))

  it.live("is refused, and left as it is, when it holds something else", () =>
    Effect.scoped(Effect.gen(function*() {
      const dataDir = yield* directory
      fs.mkdirSync(path.join(dataDir, "photos"))
      fs.writeFileSync(path.join(dataDir, "photos", "ada.jpg"), "face")
      const before = snapshot(dataDir)
      expect(yield* refusal(dataDir)).toMatchObject({ actual: "a directory with other files, left as they are" })
      expect(snapshot(dataDir)).toEqual(before)
    })))

  it.live("is refused when its files are damaged", () =>
    Effect.scoped(Effect.gen(function*() {
      const dataDir = yield* directory
      fs.writeFileSync(path.join(dataDir, "PG_VERSION"), "18\n")
      fs.writeFileSync(path.join(dataDir, "varve.embedded"), "")
      expect(yield* refusal(dataDir)).toMatchObject({ expected: "one that PGlite can open" })
      expect(locks(dataDir)).toEqual([])
    })), 60_000)

  it.live(
    "is refused when another PostgreSQL has made it, and left as it is",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const dataDir = yield* directory
        // What PGlite would take for its own, and remove.
        fs.writeFileSync(path.join(dataDir, "PG_VERSION"), "18\n")
        fs.writeFileSync(path.join(dataDir, "postmaster.pid"), "4711\n")
        expect((yield* refusal(dataDir)).actual).toBe("one of another PostgreSQL, left as it is")
        expect(fs.readdirSync(dataDir).sort()).toEqual(["PG_VERSION", "postmaster.pid"])
      })),
    60_000
  )

  it.live("is refused without permission", () =>
    Effect.scoped(Effect.gen(function*() {
      const parent = yield* directory
      const dataDir = path.join(parent, "data")
      fs.mkdirSync(dataDir)
      fs.chmodSync(dataDir, 0o000)
      fs.chmodSync(parent, 0o755)
      // Root may do everything, so somebody else tries.
      const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
      const program = yield* Program.start("embedded.ts", [dataDir], nobody)
      expect(yield* program.line).toBe(
        `data directory ${dataDir}: expected a directory that this user may read and write, got permission denied`
      )
      fs.chmodSync(dataDir, 0o755)
    })), 60_000)

  it.live("is one process's at a time, and free when that is gone", () =>
    Effect.scoped(Effect.gen(function*() {
      const dataDir = yield* prepared
      const program = yield* Program.start("embedded.ts", [dataDir])
      expect(yield* program.line).toBe("open")
      expect((yield* refusal(dataDir)).actual).toBe(`it is open in process ${program.pid}`)
      const second = yield* Program.start("embedded.ts", [dataDir])
      expect(yield* second.line).toContain(`it is open in process ${program.pid}`)
      expect(locks(dataDir).length).toBe(1)
      yield* program.kill
      expect(locks(dataDir).length).toBe(1)
      yield* withStore(
        dataDir,
        Effect.gen(function*() {
          expect((yield* refusal(dataDir)).actual).toBe("it is open in this process")
          expect(locks(dataDir).length).toBe(1)
        })
      )
      expect(locks(dataDir)).toEqual([])
    })), 60_000)

  it.live(
    "two that come at once do not both get it, and what is left of the dead is no obstacle",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const dataDir = yield* prepared
        yield* withStore(dataDir, append)
        const host = os.hostname().replaceAll(/[^A-Za-z0-9_-]/g, "_")
        // This process, but started at another time: its number was given again.
        fs.writeFileSync(path.join(dataDir, `varve.${process.pid}.1.${host}.lock`), "")
        const programs = yield* Effect.all([1, 2, 3].map(() => Program.start("embedded.ts", [dataDir])))
        const lines = yield* Effect.forEach(programs, ({ line }) => line, { concurrency: 3 })
        expect(lines.filter((line) => line === "open").length).toBeLessThanOrEqual(1)
        for (const line of lines) expect(line).toMatch(/^open$|it is open in process \d+$/)
        for (const program of programs) yield* program.kill
        expect((yield* withStore(dataDir, append)).first).toBe(2)
      })),
    60_000
  )

  it.live("another host's claim is not judged from here", () =>
    Effect.scoped(Effect.gen(function*() {
      const dataDir = yield* prepared
      const claim = "varve.1.1.elsewhere.lock"
      fs.writeFileSync(path.join(dataDir, claim), "")
      expect((yield* refusal(dataDir)).actual).toBe(
        `it is open in process 1 of host elsewhere (if that is gone for good, remove ${claim})`
      )
      fs.rmSync(path.join(dataDir, claim))
      yield* withStore(dataDir, append)
    })), 60_000)

  it.live("a first start that was killed is started again", () =>
    Effect.scoped(Effect.gen(function*() {
      const dataDir = yield* directory
      fs.writeFileSync(path.join(dataDir, "varve.initialising"), "")
      fs.writeFileSync(path.join(dataDir, "PG_VERSION"), "18\n")
      fs.mkdirSync(path.join(dataDir, "base"))
      expect((yield* withStore(dataDir, append)).first).toBe(1)
      expect(locks(dataDir)).toEqual([])
      expect((yield* withStore(dataDir, append)).first).toBe(2)
    })), 60_000)

  it.live("kill -9 of the writer takes nothing that was acknowledged", () =>
    Effect.scoped(Effect.gen(function*() {
      const dataDir = yield* prepared
      const program = yield* Program.start("embedded.ts", [dataDir])
      expect(yield* program.line).toBe("open")
      yield* program.send("append")
      let acknowledged = 0
      while (acknowledged < 200) acknowledged = Number(yield* program.line)
      yield* program.kill
      yield* withStore(
        dataDir,
        Effect.gen(function*() {
          const store = yield* EventStore.EventStore
          expect(yield* store.head).toBeGreaterThanOrEqual(acknowledged)
          expect(yield* (yield* StoreAdmin.StoreAdmin).verify).toEqual([])
          expect((yield* append).first).toBe(yield* store.head)
        })
      )
    })), 60_000)
})

describe("in this process", () => {
  it.live("does not keep the event loop to itself", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      let ticks = 0
      const tick = () => {
        ticks++
        next = setImmediate(tick)
      }
      let next = setImmediate(tick)
      // All work of PGlite is on this thread, but one batch does not follow the other without a gap.
      yield* Effect.repeat(append, { times: 99 })
      clearImmediate(next)
      expect(ticks).toBeGreaterThanOrEqual(90)
      expect(yield* store.head).toBe(100)
    }).pipe(Effect.provide(TestServer.layerEmbedded())), 60_000)

  it.live("callers at the same time share their batches", () =>
    Effect.gen(function*() {
      const sizes: Array<unknown> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          const attribute = span.attribute.bind(span)
          span.attribute = (key, value) => {
            if (key === "varve.commits") sizes.push(value)
            attribute(key, value)
          }
          return span
        }
      })
      yield* Effect.all(Array.from({ length: 64 }, () => Effect.repeat(append, { times: 9 })), {
        concurrency: "unbounded"
      }).pipe(
        Effect.provide(TestServer.layerEmbedded().pipe(Layer.provide(Layer.succeed(Tracer.Tracer, tracer))))
      )
      expect(sizes.reduce((sum: number, size) => sum + Number(size), 0)).toBe(640)
      // Ten full ones, when all goes well.
      expect(sizes.length).toBeLessThan(40)
    }), 60_000)

  it.live("reads and appends over its one connection, in memory, a wake-up for each", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 5; i++) yield* append
      const copied = yield* EventStore.readAll({ until: 5, limit: 1 }).pipe(
        Stream.mapEffect(() => append),
        Stream.runCount
      )
      expect(copied).toBe(5)
      const { engine, head } = yield* StoreAdmin.StoreAdmin.use((admin) => admin.status)
      expect(engine).toMatch(/^PGlite \d+\.\d+\.\d+ \(PostgreSQL \d+\.\d+\)$/)
      expect(head).toBe(10)
    }).pipe(Effect.provide(Embedded.layer()), Effect.timeout("30 seconds")), 60_000)
})
