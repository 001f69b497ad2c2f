import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/** A span when a tracer is installed. Without one a span costs as much as the work it would describe. */
export const span =
  (name: string, attributes: Record<string, unknown>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(
      Tracer.Tracer,
      (tracer) =>
        tracer === Tracer.nativeTracer ? self : Effect.withSpan(self, name, { attributes, captureStackTrace: false })
    )

/** Ids of the span that the program is in, when a tracer is installed. */
export const current: Effect.Effect<{ readonly traceId: string; readonly spanId: string } | undefined> = Effect.flatMap(
  Tracer.Tracer,
  (tracer) =>
    tracer === Tracer.nativeTracer
      ? Effect.undefined
      : Effect.map(
        Effect.serviceOption(Tracer.ParentSpan),
        Option.match({ onNone: () => undefined, onSome: ({ spanId, traceId }) => ({ traceId, spanId }) })
      )
)
