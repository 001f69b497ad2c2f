import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"

/** A span when a tracer is installed. Without one a span costs as much as the work it would describe. */
export const span =
  (name: string, attributes: Record<string, unknown>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
        ? self
        : Effect.withSpan(self, name, { attributes, captureStackTrace: false })
    )

/** Ids of the span that a fiber is in, when a tracer is installed. */
export const current = (
  fiber: Fiber.Fiber<unknown, unknown>
): { readonly traceId: string; readonly spanId: string } | undefined => {
  if (fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer) return undefined
  const span = Context.getOrUndefined(fiber.context as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan)
  return span && { traceId: span.traceId, spanId: span.spanId }
}
