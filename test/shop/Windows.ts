/**
 * The shop on loopback, and windows of a real Chromium in which people use it.
 */
import * as Server from "@varve/example-shop/Server"
import { Context, Effect, Layer, type Scope } from "effect"
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { type Browser, chromium, type Page } from "playwright-core"

/** The address of a shop that is open. */
export class Shop extends Context.Service<Shop, { readonly url: string }>()("test/shop/Shop") {}

export const layerShop: Layer.Layer<Shop, Error> = Layer.effect(
  Shop,
  Effect.map(Server.start({ host: "127.0.0.1", port: 0 }), (url) => ({ url }))
)

/** Debian's package, and what others call it. */
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]

const executablePath = [process.env["CHROMIUM"] ?? "", ...places].find((place) => existsSync(place))

/** Why there are no windows; `undefined` where there are. */
export const skipped = executablePath === undefined
  ? `no Chromium at ${places.join(", ")}, nor where CHROMIUM says`
  : undefined

if (skipped !== undefined) console.warn(`Tests in a browser are skipped: ${skipped}`)

/** Longest time that a page may take to show something, in milliseconds. */
const showMillis = 10_000

const artefacts = join(import.meta.dirname, "../../artefacts/shop")

/** A Chromium that is running. */
export class Windows extends Context.Service<Windows, {
  /** Opens a window for somebody who is new to the browser, and closes it with the scope. */
  readonly open: (who: string, path?: string) => Effect.Effect<Page, never, Scope.Scope>
}>()("test/shop/Windows") {}

const launch = Effect.acquireRelease(
  // A container has no user namespaces for the sandbox. What is opened is ours.
  Effect.promise(() => chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] })),
  (browser) => Effect.promise(() => browser.close())
)

const open = (browser: Browser, url: string) =>
  Effect.fnUntraced(function*(who: string, path = "/") {
    const context = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newContext({ viewport: { width: 1100, height: 800 }, reducedMotion: "reduce" })),
      (context) => Effect.promise(() => context.close())
    )
    return yield* Effect.promise(async () => {
      const page = await context.newPage()
      page.setDefaultTimeout(showMillis)
      await page.goto(`${url}/#${path}`)
      await page.getByLabel("Somebody else").fill(who.replace(".staff", ""))
      if (who.endsWith(".staff")) await page.getByLabel("works in the shop").check()
      await page.getByRole("button", { name: "Come in" }).click()
      await page.getByTestId("behind").waitFor()
      return page
    })
  })

export const layer: Layer.Layer<Windows, never, Shop> = Layer.effect(
  Windows,
  Effect.gen(function*() {
    const { url } = yield* Shop
    return { open: open(yield* launch, url) }
  })
)

/** Keeps what a window shows, for people to look at. */
export const picture = (page: Page, name: string): Promise<unknown> => {
  mkdirSync(artefacts, { recursive: true })
  return page.screenshot({ path: join(artefacts, `${name}.png`) })
}
