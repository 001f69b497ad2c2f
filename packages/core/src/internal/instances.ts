import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { EventStore } from "../EventStore.ts"
import type { ExecutionError } from "../ExecutionError.ts"
import * as Metadata from "../Metadata.ts"
import type { Running } from "./aggregate.ts"
import { diff } from "./diff.ts"
import { execute, type Options } from "./execute.ts"
import { history } from "./history.ts"
import type { Loaded } from "./instance.ts"
import * as policy from "./policy.ts"
import { type At, type Definition, failed, load, makeLocal } from "./running.ts"
import * as snapshots from "./snapshots.ts"
import { span } from "./span.ts"
import { Capacity } from "./stateCache.ts"
import { Upcaster } from "./upcaster.ts"
import type { Request } from "./work.ts"

/** Names the streams, which are those of the tenant that the program runs for. */
const executeAll = (requests: Arr.NonEmptyReadonlyArray<Omit<Request, "stream">>, options: Options) =>
  Effect.withFiber((fiber) => {
    const { tenant } = fiber.getRef(Metadata.Current)
    const named = Arr.map(requests, ({ command, id, local }) => ({
      local,
      id,
      command,
      stream: local.stream(tenant, id)
    }))
    return execute(named, options, fiber)
  })

/** Fails where whoever runs this may not read an instance. */
const mayRead = (wanted: Definition, id: string, around?: policy.Policy): Effect.Effect<void, ExecutionError> =>
  Effect.withFiber((fiber) => {
    const denied = policy.judge(fiber, around)?.read(wanted, id)
    if (denied === undefined) return Effect.void
    const about = { "varve.aggregate": wanted.name, "varve.id": id }
    return Effect.andThen(policy.log(denied, about), Effect.fail(failed(wanted.name, id)(denied.forbidden)))
  })

/** Runs the instances of a definition in this process. */
export const run = (parts: Definition): Effect.Effect<Running, never, EventStore | Upcaster> =>
  Effect.gen(function*() {
    const kept = (yield* snapshots.Current).of(parts)
    const local = makeLocal(parts, yield* EventStore, yield* Upcaster, yield* Capacity, kept, yield* policy.Current)
    const readable = (id: string) => mayRead(parts, id, local.policy)
    const loadReadable = (id: string, at?: At) =>
      load(local, id, at).pipe(span(`${parts.name}.load`, { "varve.id": id }))
    const running: Running = {
      definition: parts,
      here: { local, executeAll },
      load: (id, at) => Effect.andThen(readable(id), loadReadable(id, at)),
      history: (id, options) => Stream.unwrap(Effect.as(readable(id), history(local, id, options))),
      head: local.store.head,
      diff: (id, points) => Effect.andThen(readable(id), diff(parts, loadReadable, id, points)),
      execute: (id, command, options) =>
        Effect.map(executeAll([{ local, id, command }], options), (executed) => executed[0]!).pipe(
          span(`${parts.name}.execute`, { "varve.id": id, "varve.command": command._tag })
        )
    }
    return running
  })

/** Folds an instance of a definition that nothing runs. */
export const loadAlone = (
  parts: Definition,
  id: string,
  at?: At
): Effect.Effect<Loaded, ExecutionError, EventStore | Upcaster> =>
  Effect.gen(function*() {
    yield* mayRead(parts, id)
    return yield* load(makeLocal(parts, yield* EventStore, yield* Upcaster), id, at)
  })
