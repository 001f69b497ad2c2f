import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  Command,
  Decision,
  Event,
  EventStore,
  Metadata,
  type StoredEvent,
  StreamName,
  Upcaster
} from "@varve/core"
import { DateTime, Effect, Layer, Option, Schema, Stream, Tracer } from "effect"
import { TestClock } from "effect/testing"

class Noted extends Event.make("Noted", { actor: Schema.NullOr(Schema.String), at: Schema.DateTimeUtc }) {}
class Note extends Command.make("Note", { times: Schema.Int }) {}

class Notes extends Aggregate.make("Notes", {
  id: Schema.String,
  state: Schema.Int,
  commands: [Note],
  events: [Noted],
  rejections: []
}).decider({
  initial: 0,
  decide: {
    Note: ({ times }, _, { actor, now }) =>
      Decision.accept(...Array.from({ length: times }, () => Noted.make({ actor: actor ?? null, at: now })))
  },
  evolve: { Noted: (count) => count + 1 }
}) {}

const layer = Notes.layer.pipe(Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())))

const note = Notes.execute("n", Note.make({ times: 1 }))

const all = Stream.runCollect(EventStore.readAll())

const onlyEvent = Effect.map(all, (events): StoredEvent.StoredEvent => {
  assert.lengthOf(events, 1)
  return events[0]!
})

describe("Metadata", () => {
  it.effect("is the default tenant, and nothing else, unless set", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Metadata.Current, { tenant: "" })
    }))

  it.effect("nests: the inner wins, what it does not say stays, keys of user are added", () =>
    Effect.gen(function*() {
      const outer = { tenant: "acme", actor: "ada", correlationId: "c", user: { a: 1, b: 1 } }
      const inner = { actor: "bob", causationId: "d", user: { b: 2, c: 2 } }
      const current = yield* Effect.map(Metadata.Current, (metadata) => metadata).pipe(
        Metadata.provide(inner),
        Metadata.provide(outer)
      )
      assert.deepStrictEqual(current, {
        tenant: "acme",
        actor: "bob",
        correlationId: "c",
        causationId: "d",
        user: { a: 1, b: 2, c: 2 }
      })
      const sibling = yield* Metadata.Current
      assert.deepStrictEqual(sibling, { tenant: "" })
    }))

  it.effect("keeps the user keys around when the inner says nothing of them", () =>
    Effect.gen(function*() {
      const current = yield* Metadata.Current.pipe(
        Metadata.provide({ actor: "bob" }),
        Metadata.provide({ user: { a: 1 } })
      )
      assert.deepStrictEqual(current.user, { a: 1 })
    }))

  it.effect("is stamped on every event of a commit", () =>
    Effect.gen(function*() {
      yield* Notes.execute("n", Note.make({ times: 3 })).pipe(
        Metadata.provide({
          actor: "ada",
          correlationId: "c",
          causationId: "d",
          user: { request: { ip: "::1" }, n: [1] }
        })
      )
      const events = yield* all
      assert.lengthOf(events, 3)
      for (const { metadata } of events) {
        assert.deepStrictEqual(metadata, {
          actor: "ada",
          correlationId: "c",
          causationId: "d",
          command: "Note",
          user: { request: { ip: "::1" }, n: [1] }
        })
      }
    }).pipe(Effect.provide(layer)))

  it.effect("says nothing that nobody said: only the command", () =>
    Effect.gen(function*() {
      yield* note
      assert.deepStrictEqual((yield* onlyEvent).metadata, { command: "Note" })
    }).pipe(Effect.provide(layer)))

  it.effect("tells decide the actor and the time, which is when it happened", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(DateTime.makeUnsafe("2024-02-29T12:00:00Z").epochMilliseconds)
      yield* note.pipe(Metadata.provide({ actor: "ada" }))
      const { occurredAt, payload, recordedAt } = yield* onlyEvent
      assert.deepStrictEqual(payload, { actor: "ada", at: "2024-02-29T12:00:00.000Z" })
      assert.strictEqual(DateTime.formatIso(occurredAt), "2024-02-29T12:00:00.000Z")
      assert.strictEqual(DateTime.formatIso(recordedAt), "2024-02-29T12:00:00.000Z")
    }).pipe(Effect.provide(layer)))

  it.effect("sets when it happened, for imports; recorded is when it was stored", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(DateTime.makeUnsafe("2024-02-29T12:00:00Z").epochMilliseconds)
      yield* note.pipe(Metadata.provide({ occurredAt: DateTime.makeUnsafe("1999-12-31T23:59:59.999Z") }))
      const { occurredAt, payload, recordedAt } = yield* onlyEvent
      assert.deepInclude(payload as object, { at: "1999-12-31T23:59:59.999Z" })
      assert.strictEqual(DateTime.formatIso(occurredAt), "1999-12-31T23:59:59.999Z")
      assert.strictEqual(DateTime.formatIso(recordedAt), "2024-02-29T12:00:00.000Z")
    }).pipe(Effect.provide(layer)))

  it.effect("keeps tenants apart", () =>
    Effect.gen(function*() {
      const of = (tenant: string) => Metadata.provide({ tenant })
      yield* of("acme")(note)
      yield* of("acme")(note)
      yield* of("other")(note)
      const version = (tenant: string) => Effect.map(of(tenant)(Notes.load("n")), ({ version }) => version)
      assert.deepStrictEqual(yield* Effect.forEach(["acme", "other", "", "Acme"], version), [2, 1, 0, 0])
      const stream = yield* Stream.runCollect(EventStore.read(StreamName.make("Notes", "n", "acme")))
      assert.deepStrictEqual(stream.map(({ stream }) => stream.tenant), ["acme", "acme"])
    }).pipe(Effect.provide(layer)))

  it.effect("stamps the span it is written in when a tracer is installed", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* note.pipe(Effect.withSpan("outer"), Effect.withTracer(tracer))
      const { metadata: { trace } } = yield* onlyEvent
      const execute = spans.find(({ name }) => name === "Notes.execute")
      assert.isDefined(execute)
      assert.deepStrictEqual(trace, { traceId: execute!.traceId, spanId: execute!.spanId })
      assert.strictEqual(Option.getOrThrow(execute!.parent).spanId, spans[0]!.spanId)
      assert.deepStrictEqual(execute!.attributes.get("varve.command"), "Note")
    }).pipe(Effect.provide(layer)))

  it.effect("stamps no span when no tracer is installed, though there are spans", () =>
    Effect.gen(function*() {
      yield* Effect.withSpan(note, "outer")
      assert.notProperty((yield* onlyEvent).metadata, "trace")
    }).pipe(Effect.provide(layer)))

  it.effect("is refused when it is too large, and nothing is written", () =>
    Effect.gen(function*() {
      const error = yield* note.pipe(Metadata.provide({ user: { text: "x".repeat(65_536) } }), Effect.flip)
      assert.strictEqual(error.reason._tag, "Refused")
      assert.include(error.message, "metadata")
      assert.strictEqual((yield* Notes.load("n")).version, 0)
      yield* note
    }).pipe(Effect.provide(layer)))
})
