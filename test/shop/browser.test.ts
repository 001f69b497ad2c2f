/** The shop as people have it: over HTTP, and in a real browser, where they see things on time, too early and too late. */
import { assert, describe, layer } from "@effect/vitest"
import * as Server from "@varve/example-shop/Server"
import { Effect, type Scope } from "effect"
import type { Page, Route } from "playwright-core"
import * as Windows from "./Windows.ts"

type Open = (who: string, path?: string) => Promise<Page>

/** What people do in windows that are closed at the end. What they saw when it went wrong is kept. */
const people = (
  act: (open: Open) => Promise<void>
): Effect.Effect<void, never, Windows.Windows | Scope.Scope> =>
  Effect.gen(function*() {
    const { open } = yield* Windows.Windows
    const context = yield* Effect.context<Scope.Scope>()
    const pages: Array<Page> = []
    const errors: Array<string> = []
    yield* Effect.promise(async () => {
      try {
        await act(async (who, path) => {
          const page = await Effect.runPromiseWith(context)(open(who, path))
          pages.push(page)
          page.on("pageerror", ({ message }) => errors.push(message))
          return page
        })
        assert.deepStrictEqual(errors, [])
      } catch (error) {
        for (const [index, page] of pages.entries()) await Windows.picture(page, `failed-${index + 1}`)
        throw error
      }
    })
  })

const toCart = (page: Page, product: string) => page.getByRole("button", { name: `Add ${product} to the cart` }).click()

const status = (page: Page, status: string) => page.locator(`[data-status=${status}]`).waitFor()

const settled = (page: Page) => page.getByText("All confirmed").waitFor()

/** Puts a product into the cart, and orders it. Returns the path of the order's page. */
const order = async (page: Page, product: string): Promise<string> => {
  await toCart(page, product)
  await page.getByRole("link", { name: "Cart" }).click()
  await page.getByRole("button", { name: "Order", exact: true }).click()
  await page.locator("[data-status]").waitFor()
  return new URL(page.url()).hash.slice(1)
}

const pay = async (page: Page) => {
  await status(page, "placed")
  await page.getByRole("button", { name: /^Pay/ }).click()
  await status(page, "paid")
}

/** Holds the requests of a command; each goes on when the test lets it. */
const hold = async (page: Page, path: string): Promise<{ readonly next: () => Promise<Route> }> => {
  const held: Array<Route> = []
  let arrived = () => {}
  await page.route(`**/${path}`, (route) => {
    held.push(route)
    arrived()
  })
  return {
    next: async () => {
      if (held.length === 0) await new Promise<void>((resolve) => arrived = resolve)
      return held.shift()!
    }
  }
}

/** Gone when the page is loaded anew. */
const mark = (page: Page) => page.evaluate("globalThis.wasThere = true")
const isMarked = (page: Page) => page.evaluate("globalThis.wasThere === true")

/** Sends what no page would send. */
const send = Effect.fnUntraced(function*(token: string | undefined, path: string, body?: unknown) {
  const { url } = yield* Windows.Shop
  const response = yield* Effect.promise(() =>
    fetch(`${url}/api${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        "content-type": "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token}` })
      },
      ...(body !== undefined && { body: JSON.stringify(body) })
    })
  )
  yield* Effect.promise(() => response.text())
  return response.status
})

layer(Windows.layerShop, { excludeTestServices: true, timeout: "60 seconds" })("the shop", (it) => {
  it.effect("lets people do what is theirs, and nobody what is the server's", () =>
    Effect.gen(function*() {
      const lens = { product: "hand-lens", quantity: 1 }
      assert.strictEqual(yield* send(undefined, "/catalogue"), 401)
      assert.strictEqual(yield* send("No Name", "/catalogue"), 401)
      assert.strictEqual(yield* send("zoe", "/catalogue"), 200)
      assert.strictEqual(yield* send("zoe", "/carts/yan/add-to-cart", lens), 403)
      assert.strictEqual(yield* send("zoe", "/carts/zoe/add-to-cart", lens), 200)
      assert.strictEqual(yield* send("yan", "/cart-contents/zoe"), 403)
      assert.strictEqual(yield* send("zoe", "/order-list?index=ofCustomer&where.customer=yan"), 403)
      assert.strictEqual(yield* send("zoe", "/stock"), 403)
      assert.strictEqual(yield* send("zoe.staff", "/stock"), 200)
      assert.strictEqual(yield* send("zoe", "/products/hand-lens/receive-stock", { quantity: 1 }), 403)
      assert.strictEqual(yield* send("zoe.staff", "/products/hand-lens/reserve-stock", { order: "x", ...lens }), 404)
    }))

  it.effect("says so when its port is taken", () =>
    Effect.gen(function*() {
      const { url } = yield* Windows.Shop
      const port = Number(new URL(url).port)
      const { message } = yield* Effect.flip(Effect.scoped(Server.start({ host: "127.0.0.1", port })))
      assert.strictEqual(
        message,
        `Port ${port} of 127.0.0.1: expected a free one, got one that another program uses. Take another with --port`
      )
    }))

  describe.skipIf(Windows.skipped !== undefined)("in a browser", () => {
    it.layer(Windows.layer, { timeout: "60 seconds" })((it) => {
      it.effect("shows an order that is placed, paid and shipped to everybody, without a reload", () =>
        people(async (open) => {
          const ada = await open("ada")
          const other = await open("ada", "/orders")
          const grace = await open("grace.staff", "/warehouse")
          await mark(other)
          await mark(grace)
          const path = await order(ada, "Rock hammer")
          await status(ada, "placed")
          const seen = other.locator(`[data-order="${path.split("/").at(-1)}"]`)
          await seen.getByText("Placed").waitFor()
          await Windows.picture(other, "order-seen-in-a-second-window")
          await pay(ada)
          await seen.getByText("Paid").waitFor()
          const ship = grace.getByRole("button", { name: "Ship the order of ada" })
          await ship.waitFor()
          await Windows.picture(grace, "warehouse")
          await ship.click()
          await grace.getByText("Nothing: every paid order has left.").waitFor()
          await grace.locator("[data-day] td").first().getByText("1", { exact: true }).waitFor()
          await status(ada, "shipped")
          await seen.getByText("Shipped").waitFor()
          await Windows.picture(ada, "order-shipped")
          assert.deepStrictEqual([await isMarked(other), await isMarked(grace)], [true, true])
        }))

      it.effect("takes back what the server rejects, and says why", () =>
        people(async (open) => {
          const bob = await open("bob")
          const path = await order(bob, "Compass clinometer")
          await pay(bob)
          await settled(bob)
          const { next } = await hold(bob, "cancel-order")
          await bob.getByRole("button", { name: "Cancel the order" }).click()
          const cancelling = await next()
          // Nobody but this page knows.
          await status(bob, "cancelled")
          await bob.getByTestId("pending").getByText("Cancel the order").waitFor()
          await bob.getByTestId("unsettled").waitFor()
          await Windows.picture(bob, "order-shown-as-cancelled")
          const grace = await open("grace.staff", "/warehouse")
          await grace.getByRole("button", { name: "Ship the order of bob" }).click()
          await settled(grace)
          await cancelling.continue()
          const failure = bob.getByTestId("failure")
          await failure.getByText("The order is shipped already. It can be sent back.").waitFor()
          await status(bob, "shipped")
          await settled(bob)
          await Windows.picture(bob, "order-taken-back")
          assert.strictEqual(await bob.getByTestId("pending").count(), 0)
          await failure.getByRole("button", { name: "Understood" }).click()
          await failure.waitFor({ state: "detached" })
          assert.include(bob.url(), path)
        }))

      it.effect("goes through the past of an order with a slider", () =>
        people(async (open) => {
          const carol = await open("carol")
          await order(carol, "Enamel mug")
          await pay(carol)
          await carol.getByRole("button", { name: /^Paid/ }).waitFor()
          const slider = carol.getByRole("slider")
          await slider.press("ArrowDown")
          await status(carol, "placed")
          assert.include(await carol.getByTestId("as-of").textContent(), "As it was")
          assert.match(await slider.getAttribute("aria-valuetext") ?? "", /^Placed: the stock is held, /)
          // There is nothing to do in the past.
          assert.strictEqual(await carol.getByRole("button", { name: /^(Pay|Cancel)/ }).count(), 0)
          await slider.press("ArrowDown")
          await status(carol, "received")
          await Windows.picture(carol, "order-as-it-was")
          await slider.press("End")
          await status(carol, "paid")
          assert.strictEqual(await carol.getByTestId("as-of").textContent(), "As it is now")
        }))

      it.effect("says so while the history of an order cannot be read", () =>
        people(async (open) => {
          const ida = await open("ida")
          await ida.route("**/history?**", (route) => route.fulfill({ status: 400, json: {} }))
          await order(ida, "Enamel mug")
          const trouble = ida.getByTestId("no-history")
          await trouble.getByText("The history could not be read. The shop does not take it.").waitFor()
          await Windows.picture(ida, "order-without-history")
          await ida.unrouteAll({ behavior: "ignoreErrors" })
          await pay(ida)
          await ida.getByRole("button", { name: /^Paid/ }).waitFor()
          assert.strictEqual(await trouble.count(), 0)
        }))

      it.effect("loses nothing and doubles nothing when it is loaded anew in mid-flight", () =>
        people(async (open) => {
          const dan = await open("dan")
          const cart = dan.getByTestId("cart-count")
          const notebook = dan.locator("[data-product=field-notebook]")
          await notebook.getByText("120 in stock").waitFor()
          // The server has not got it.
          const adding = await hold(dan, "add-to-cart")
          await toCart(dan, "Field notebook")
          await adding.next()
          await cart.getByText("1", { exact: true }).waitFor()
          await dan.getByTestId("pending").getByText("on its way").waitFor()
          await Windows.picture(dan, "before-a-reload")
          await dan.unrouteAll({ behavior: "ignoreErrors" })
          await dan.reload()
          await cart.getByText("1", { exact: true }).waitFor()
          await settled(dan)
          // The server has done it, and the answer has not come.
          await dan.getByRole("link", { name: "Cart" }).click()
          const ordering = await hold(dan, "check-out")
          await dan.getByRole("button", { name: "Order", exact: true }).click()
          const done = await (await ordering.next()).fetch()
          assert.strictEqual(done.status(), 200)
          await dan.unrouteAll({ behavior: "ignoreErrors" })
          const sent: Array<string> = []
          dan.on("request", (request) => {
            if (request.method() === "POST") sent.push(new URL(request.url()).pathname)
          })
          await dan.reload()
          await settled(dan)
          await status(dan, "placed")
          await dan.getByRole("link", { name: "My orders" }).click()
          await dan.locator("[data-order]").waitFor()
          await Windows.picture(dan, "after-a-reload")
          assert.strictEqual(await dan.locator("[data-order]").count(), 1)
          assert.strictEqual(await cart.textContent(), "0")
          assert.strictEqual(await dan.getByTestId("failure").count(), 0)
          // It was sent once more, and that has come to nothing new.
          assert.deepStrictEqual(sent.filter((path) => path.endsWith("/check-out")).length, 1)
          await dan.getByRole("link", { name: "Catalogue" }).click()
          await notebook.getByText("119 in stock").waitFor()
        }))

      it.effect("tells one of two who order the last piece that it is gone", () =>
        people(async (open) => {
          const pages = await Promise.all([open("eve"), open("frank")])
          for (const page of pages) {
            await toCart(page, "Ammonite")
            await page.getByRole("link", { name: "Cart" }).click()
            await settled(page)
          }
          await Promise.all(pages.map((page) => page.getByRole("button", { name: "Order", exact: true }).click()))
          const ends = pages.map(async (page) => {
            await page.locator("[data-status=placed], [data-status=refused]").waitFor()
            return page.getByTestId("status").getAttribute("data-status")
          })
          assert.deepStrictEqual((await Promise.all(ends)).sort(), ["placed", "refused"])
          const [loser] = (await ends[0]) === "refused" ? pages : pages.toReversed()
          await loser!.getByText("Ammonite: sold out.").waitFor()
          await Windows.picture(loser!, "order-refused")
          await loser!.getByRole("button", { name: "Put it back into the cart" }).click()
          await loser!.getByText("sold out meanwhile").waitFor()
        }))
    })
  })
})
