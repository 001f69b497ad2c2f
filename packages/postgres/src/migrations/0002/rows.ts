/** Arguments of written rows, as arrays. Sorts that no row has may be empty arrays: what is missing is NULL. */
export const rowArguments = (position: string): string =>
  `r_tenant text[], r_key text[], r_position ${position}[], r_index integer[],
  r_sort_1 text[], r_sort_2 text[], r_sort_3 text[], r_sort_4 text[], r_value json[]`

export const rowColumns = "entry, position, index, removed, tenant, key, sort_1, sort_2, sort_3, sort_4, value"

// A row never goes back: who has seen less changes nothing.
export const neverBack =
  `ON CONFLICT ON CONSTRAINT rows_key DO UPDATE SET position = excluded.position, index = excluded.index,
    removed = excluded.removed, sort_1 = excluded.sort_1, sort_2 = excluded.sort_2, sort_3 = excluded.sort_3,
    sort_4 = excluded.sort_4, value = excluded.value
  WHERE (r.position, r.index) < (excluded.position, excluded.index)`
