import type { Projection, Rows } from "@varve/core"
import type * as Optimistic from "@varve/http/client/Optimistic"
import { createContext } from "preact"
import { useSyncExternalStore } from "preact/compat"
import { useContext, useEffect, useMemo, useState } from "preact/hooks"
import type { Connection } from "./client.ts"

const Connected = createContext<Connection | undefined>(undefined)
export const ConnectionProvider = Connected.Provider

export const useConnection = (): Connection => {
  const connection = useContext(Connected)
  if (connection === undefined) throw new Error("useConnection: expected to be inside of ConnectionProvider")
  return connection
}

/** A value that changes, as it is now. */
export const useLive = <A>({ getSnapshot, subscribe }: Optimistic.Live<A>): A =>
  useSyncExternalStore(subscribe, getSnapshot)

export const useRow = <P extends Projection.Any>(projection: P, key: string): Optimistic.Row<Rows.RowOf<P>> => {
  const { optimistic } = useConnection()
  return useLive(useMemo(() => optimistic.row(projection, key), [optimistic, projection, key]))
}

/** The query is one of a few, made outside of components, or the same by its text. */
export const useList = <P extends Projection.Any>(
  projection: P,
  query: Rows.Query = {}
): Optimistic.List<Rows.RowOf<P>> => {
  const { optimistic } = useConnection()
  const text = JSON.stringify(query)
  return useLive(useMemo(() => optimistic.list(projection, query), [optimistic, projection, text]))
}

/** The path behind `#` in the address. */
export const usePath = (): string => {
  const read = () => location.hash.slice(1) || "/"
  const [path, setPath] = useState(read)
  useEffect(() => {
    const listen = () => setPath(read())
    addEventListener("hashchange", listen)
    return () => removeEventListener("hashchange", listen)
  }, [])
  return path
}
