/**
 * Stores that are wrong on purpose about erasure and what they say of themselves.
 */
import { StreamName } from "@varve/core"
import { Effect } from "effect"
import { met, versionOf, wrong, wrongOut, wrongPage, type WrongStore } from "./wrongStore.ts"

/** All of them. */
export const wrongAdmins: ReadonlyArray<WrongStore> = [
  wrong("erases nothing", (store, admin) => ({
    admin: {
      erase: ({ from, stream, to }) =>
        Effect.flatMap(
          versionOf(store, stream),
          (length) =>
            from < 1 ? admin.erase({ stream, from, to }) : Effect.succeed(Math.max(Math.min(to, length) - from + 1, 0))
        )
    }
  })),
  wrong("erases one event too many", (_, admin) => ({
    admin: { erase: ({ from, stream, to }) => admin.erase({ stream, from, to: to + 1 }) }
  })),
  met(
    "Marten #5234",
    wrong("erases in every tenant", (_, admin) => ({
      admin: {
        erase: (request) =>
          Effect.gen(function*() {
            const tenant = `acme-${request.stream.category.split("_").at(-1)}`
            yield* Effect.ignore(admin.erase({ ...request, stream: { ...request.stream, tenant } }))
            return yield* admin.erase(request)
          })
      }
    }))
  ),
  wrongOut("drops metadata of what was erased", (event) => event.payload === null ? { ...event, metadata: {} } : event),
  wrongPage("leaves out what was erased", (page) => ({
    ...page,
    events: page.events.filter(({ payload }) => payload !== null)
  })),
  wrong("does not know a commit again of which events were erased", (store, admin) => {
    const erased = new Set<string>()
    return {
      store: {
        append: (commit) => {
          const touched = commit.writes.some(({ stream }) => erased.has(StreamName.format(stream)))
          return store.append(touched && commit.id !== undefined ? { ...commit, fingerprint: "erased" } : commit)
        }
      },
      admin: {
        erase: (request) =>
          Effect.tap(admin.erase(request), () => Effect.sync(() => erased.add(StreamName.format(request.stream))))
      }
    }
  }),
  wrong("finds fault with itself", () => ({
    admin: { verify: Effect.succeed([{ what: "positions", expected: "no gap", actual: "a gap" }]) }
  })),
  wrong("has a status of another store", (_, admin) => ({
    admin: { status: Effect.map(admin.status, (status) => ({ ...status, storeId: "other" })) }
  }))
]
