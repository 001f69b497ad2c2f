/**
 * A process that appends: `node appender.ts URL NAME`.
 */
import { ManagedRuntime } from "effect"
import { serve } from "../frame/serve.ts"
import * as store from "../frame/store.ts"

const [url, name] = process.argv.slice(2) as [string, string]
const runtime = ManagedRuntime.make(store.layer(url))

serve({
  append: (options: { callers: number; seconds: number }) =>
    runtime.runPromise(store.append({ ...options, prefix: `${name}-` }))
})
