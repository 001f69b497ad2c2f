import { Copy, Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { options, Order, OrderPlaced, Shop } from "./Orders.ts"
import * as Place from "./Place.ts"

/** Discounts that come right behind an order are part of it. Both forms of `at`: every third order stands at its own place. */
export const merge = Copy.merge(Order, (origins) => {
  const merged: Array<Copy.Merged<(typeof origins)[number]["event"]>> = []
  for (let i = 0; i < origins.length; i++) {
    const { event, position } = origins[i]!
    let last = i
    let less = 0
    for (let next = origins[last + 1]?.event; next?._tag === "DiscountGiven"; next = origins[last + 1]?.event) {
      less += next.cents
      last++
    }
    if (event._tag !== "OrderPlaced" || last === i) {
      merged.push({ event, from: [i] })
      continue
    }
    const [first, ...others] = Array.from({ length: last - i + 1 }, (_, n) => i + n)
    merged.push({
      event: OrderPlaced.make({ cents: event.cents - less }),
      from: [first!, ...others],
      ...(position % 3 === 0 ? { at: i } : {})
    })
    i = last
  }
  return merged
})

export default Project.make({ domains: [Shop], upcaster: Upcaster.layer(options), store: Place.store, copy: [merge] })
