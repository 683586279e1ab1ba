import { describe, expect, it } from "@effect/vitest"
import * as JsonPath from "../../../src/testing/cassette/JsonPath.js"

const value = { user: "u", list: [{ id: 1, name: "a" }, { id: 2 }], deep: { er: { id: 3 } } }

describe("JsonPath.change", () => {
  const table: ReadonlyArray<readonly [path: string, changed: unknown]> = [
    ["user", { ...value, user: "x" }],
    ["$.user", { ...value, user: "x" }],
    ["list.0.id", { ...value, list: [{ id: "x", name: "a" }, { id: 2 }] }],
    ["list[1].id", { ...value, list: [{ id: 1, name: "a" }, { id: "x" }] }],
    ["list.*.id", { ...value, list: [{ id: "x", name: "a" }, { id: "x" }] }],
    ["list[*].name", { ...value, list: [{ id: 1, name: "x" }, { id: 2 }] }],
    ["deep.*.id", { ...value, deep: { er: { id: "x" } } }],
    ["user.name", value],
    ["nowhere", value],
    ["list.7", value]
  ]
  it.each(table)("%s", (path, changed) => {
    expect(JsonPath.change(value, path, () => "x")).toEqual(changed)
  })

  it("takes out what becomes undefined", () => {
    expect(JsonPath.changeAll(value, ["user", "list.0", "deep.er.id"], () => undefined)).toEqual({
      list: [{ id: 2 }],
      deep: { er: {} }
    })
  })
})
