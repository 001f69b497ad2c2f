/**
 * Times as the log has them: of the Netherlands, to the millisecond.
 */
import { DateTime } from "effect"

export const zone = DateTime.zoneMakeNamedUnsafe("Europe/Amsterdam")

const hourMillis = 3_600_000

// Clocks change on the hour, and neighbours in the log share it: the zone is asked once an hour.
let known = { hour: Number.NaN, offset: 0 }

const offsetMillis = (epochMillis: number): number => {
  const hour = Math.floor(epochMillis / hourMillis)
  if (hour !== known.hour) {
    known = { hour, offset: DateTime.zonedOffset(DateTime.makeZonedUnsafe(epochMillis, { timeZone: zone })) }
  }
  return known.offset
}

/** `2011-10-01T00:38:44.546+02:00`. */
export const format = (epochMillis: number): string => {
  const offset = offsetMillis(epochMillis)
  const minutes = Math.abs(offset) / 60_000
  const sign = offset < 0 ? "-" : "+"
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"))
  return `${new Date(epochMillis + offset).toISOString().slice(0, -1)}${sign}${hour}:${minute}`
}

const shape = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}[+-]\d{2}:\d{2}$/

/** Milliseconds since 1970, or `undefined` for what `format` does not write: a 30th of February, another zone. */
export const parse = (text: string): number | undefined => {
  if (!shape.test(text)) return undefined
  const epochMillis = Date.parse(text)
  return Number.isNaN(epochMillis) || format(epochMillis) !== text ? undefined : epochMillis
}
