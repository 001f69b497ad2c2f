import * as codecs from "./codecs.ts"

/**
 * Where a reader of live rows is: up to a position of a store, in rows that a revision of the fold has made. Whoever was
 * told rows of another revision starts anew.
 */
export interface LivePlace extends codecs.Place {
  /** `undefined` where the reader has a receipt, and no row yet. */
  readonly revision: number | undefined
}

/** Its text, as ids of events and messages carry it: a place, and behind it the revision. */
export const encode = ({ revision, ...place }: LivePlace): string =>
  revision === undefined ? codecs.encodePlace(place) : `${codecs.encodePlace(place)}@${revision}`

/** The place that a text names; `undefined` when it names none. */
export const decode = (text: string): LivePlace | undefined => {
  const found = /^([^@]*|.*:[^@]*)(?:@([1-9][0-9]{0,8}))?$/.exec(text)
  if (found === null) return undefined
  const place = codecs.decodePlace(found[1]!)
  if (place === undefined) return undefined
  return { ...place, revision: found[2] === undefined ? undefined : Number(found[2]) }
}
