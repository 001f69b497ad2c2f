/**
 * One handler for events that mean the same to a read model.
 */
import type { Event } from "@varve/core"

/** The handler under the tag of every event. */
export const alike = <const Events extends ReadonlyArray<Event.Any>, Handler>(
  events: Events,
  handler: Handler
): { readonly [Tag in Events[number]["tag"]]: Handler } =>
  // One entry for each event, under its tag.
  Object.fromEntries(events.map(({ tag }) => [tag, handler])) as { [Tag in Events[number]["tag"]]: Handler }
