/**
 * What the shop begins with: things for people who look at stones.
 */
import { Aggregate } from "@varve/core"
import { Effect } from "effect"
import { AddProduct, Product, ReceiveStock } from "./domain/Product.ts"
import { ProductId } from "./domain/Values.ts"

interface Article {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly cents: number
  /** Pieces. */
  readonly stock: number
  /** The inside of an SVG image of 64 by 64, on a ground of this colour. */
  readonly ground: string
  readonly drawing: string
}

const picture = ({ drawing, ground }: Article): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="10" fill="${ground}"/>`
  + `${drawing}</svg>`

// #region assortment
export const assortment: ReadonlyArray<Article> = [
  {
    id: "varve-core",
    name: "Varve core",
    description: "Eighty years of a lake, light for summer and dark for winter, cast in clear resin.",
    cents: 12_900,
    // The rare ones are where two customers meet.
    stock: 3,
    ground: "#e8eef2",
    drawing: `<rect x="22" y="8" width="20" height="48" rx="4" fill="#d9c7a5"/>`
      + `<path d="M22 14h20M22 21h20M22 25h20M22 33h20M22 38h20M22 46h20M22 50h20" stroke="#6b5335" stroke-width="2.5"/>`
      + `<rect x="22" y="8" width="6" height="48" rx="3" fill="#fff" opacity=".35"/>`
  },
  {
    id: "ammonite",
    name: "Ammonite",
    description: "Lower Jurassic, found on the beach of Lyme Regis. There is one.",
    cents: 8_400,
    stock: 1,
    ground: "#f3ece0",
    drawing: `<circle cx="32" cy="32" r="21" fill="#a8815a"/><path d="M53 32a21 21 0 1 1-21-21 16 16 0 1 1-16 16 `
      + `12 12 0 1 1 12 12 8 8 0 1 1 8-8 5 5 0 1 1-5-5" fill="none" stroke="#5f432a" stroke-width="3" `
      + `stroke-linecap="round"/>`
  },
  {
    id: "rock-hammer",
    name: "Rock hammer",
    description: "Forged in one piece, with a pointed tip and a grip that takes the blow.",
    cents: 4_250,
    stock: 18,
    ground: "#e4ebe3",
    drawing: `<path d="M30 20h6v34a3 3 0 0 1-6 0z" fill="#3c6e8f"/><path d="M12 18q14-8 26-6h8v11H36q-12 0-24-5z" `
      + `fill="#59636b"/><path d="M30 38h6v16a3 3 0 0 1-6 0z" fill="#24475e"/>`
  },
  {
    id: "hand-lens",
    name: "Hand lens",
    description: "Ten times, three glasses, folds into its case. On a cord, because it falls.",
    cents: 1_890,
    stock: 40,
    ground: "#eef0e1",
    drawing: `<circle cx="27" cy="26" r="15" fill="#cfe6ee" stroke="#3f4a4f" stroke-width="4"/>`
      + `<path d="M38 37l15 16" stroke="#3f4a4f" stroke-width="6" stroke-linecap="round"/>`
      + `<path d="M19 22q3-6 9-6" stroke="#fff" stroke-width="3" fill="none" stroke-linecap="round"/>`
  },
  {
    id: "compass",
    name: "Compass clinometer",
    description: "Strike and dip in one go. With a mirror for taking bearings.",
    cents: 6_400,
    stock: 9,
    ground: "#f4e9e4",
    drawing: `<circle cx="32" cy="32" r="21" fill="#fbfaf6" stroke="#8c6d2f" stroke-width="4"/>`
      + `<path d="M32 15l5 17h-10z" fill="#c0392b"/><path d="M32 49l5-17h-10z" fill="#4a545a"/>`
      + `<circle cx="32" cy="32" r="2.5" fill="#8c6d2f"/>`
  },
  {
    id: "field-notebook",
    name: "Field notebook",
    description: "Squared paper that takes pencil in the rain. 160 pages, sewn.",
    cents: 990,
    stock: 120,
    ground: "#e3ecf4",
    drawing: `<rect x="16" y="9" width="33" height="46" rx="3" fill="#d98e32"/><path d="M22 9v46" stroke="#a86517" `
      + `stroke-width="3"/><rect x="28" y="18" width="16" height="10" rx="1.5" fill="#fdf6e9"/>`
      + `<path d="M43 9v46" stroke="#3b3b3b" stroke-width="2.5"/>`
  },
  {
    id: "pencils",
    name: "Pencils",
    description: "Six of them, from 2H to 2B: for lines that stay and for shading that does not have to.",
    cents: 640,
    stock: 75,
    ground: "#f1eef6",
    drawing: `<g transform="rotate(35 32 32)"><path d="M20 12h7v34l-3.5 8-3.5-8z" fill="#2f7d6b"/>`
      + `<path d="M29 12h7v34l-3.5 8-3.5-8z" fill="#e0a526"/><path d="M38 12h7v34l-3.5 8-3.5-8z" fill="#b5443a"/>`
      + `<path d="M20 12h7M29 12h7M38 12h7" stroke="#555" stroke-width="4"/></g>`
  },
  {
    id: "contour-map",
    name: "Contour map",
    description: "1 : 25,000, folded, on paper that does not mind being folded wrongly.",
    cents: 1_150,
    stock: 34,
    ground: "#e6f0ea",
    drawing: `<path d="M9 17l15-5 16 5 15-5v35l-15 5-16-5-15 5z" fill="#f8f4e3" stroke="#7d8a6a" stroke-width="2"/>`
      + `<path d="M24 12v35M40 17v35" stroke="#c9c6ad" stroke-width="2"/><path d="M14 38q6-14 14-8t10-4 12-2M15 45q10-8 `
      + `17-4t18-8" fill="none" stroke="#a0683a" stroke-width="2"/>`
  },
  {
    id: "hourglass",
    name: "Hourglass",
    description: "Filled with sand of a river. Three minutes, give or take a sediment.",
    cents: 2_300,
    stock: 14,
    ground: "#f6efe2",
    drawing: `<path d="M18 10h28M18 54h28" stroke="#6d4c2f" stroke-width="5" stroke-linecap="round"/>`
      + `<path d="M21 13q0 14 11 19-11 5-11 19h22q0-14-11-19 11-5 11-19z" fill="#e3f0f3"/>`
      + `<path d="M24 20h16q-2 8-8 11-6-3-8-11zM23 50q3-9 9-9t9 9z" fill="#d9a441"/>`
  },
  {
    id: "head-torch",
    name: "Head torch",
    description: "For caves, mines and the way back to the car. Red light for reading maps.",
    cents: 3_490,
    stock: 22,
    ground: "#e2e4ee",
    drawing: `<path d="M28 34l-11 22h30l-11-22z" fill="#ffe48a" opacity=".75"/>`
      + `<path d="M8 35q24-22 48 0" fill="none" stroke="#394a63" stroke-width="6"/>`
      + `<rect x="21" y="21" width="22" height="17" rx="5" fill="#222b38"/><circle cx="32" cy="29.5" r="6" fill="#ffe48a"/>`
  },
  {
    id: "enamel-mug",
    name: "Enamel mug",
    description: "Holds tea, rain and small samples. Not at the same time.",
    cents: 1_200,
    stock: 60,
    ground: "#f0e6e6",
    drawing: `<path d="M15 18h28v28a6 6 0 0 1-6 6H21a6 6 0 0 1-6-6z" fill="#fdfdfb" stroke="#2c4f78" `
      + `stroke-width="3"/><path d="M43 25h5q6 0 6 8t-6 8h-5" fill="none" stroke="#2c4f78" stroke-width="4"/>`
      + `<path d="M16 38q7-5 13 0t13-1" fill="none" stroke="#9a7b55" stroke-width="3"/>`
  },
  {
    id: "rucksack",
    name: "Rucksack",
    description: "Thirty litres, a bottom that can be put on wet ground, and a loop for the hammer.",
    cents: 7_900,
    stock: 7,
    ground: "#e9efdf",
    drawing: `<path d="M24 14q0-6 8-6t8 6" fill="none" stroke="#53402c" stroke-width="4"/>`
      + `<rect x="16" y="13" width="32" height="42" rx="10" fill="#5d7a4a"/><path d="M16 27h32" stroke="#3f5731" `
      + `stroke-width="4"/><rect x="22" y="35" width="20" height="14" rx="4" fill="#486139"/>`
      + `<path d="M32 25v7" stroke="#d8b25a" stroke-width="4"/>`
  }
]
// #endregion

// #region stockUp
/** Brings in the assortment. What is there already stays as it is, whatever it costs by now. */
export const stockUp = Effect.forEach(assortment, (article) => {
  const { cents, description, id, name, stock } = article
  const product = ProductId.make(id)
  return Aggregate.executeAll([
    Aggregate.to(Product, product, AddProduct.make({ name, description, picture: picture(article), cents })),
    Aggregate.to(Product, product, ReceiveStock.make({ quantity: stock }))
  ]).pipe(Effect.catchTag("AlreadyAdded", () => Effect.void))
}, { discard: true })
// #endregion
