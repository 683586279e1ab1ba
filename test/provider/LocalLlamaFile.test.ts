import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { dirname } from "node:path"
import { pathToFileURL } from "node:url"
import * as LocalLlamaFile from "../../src/provider/LocalLlamaFile.js"
import { fileOf } from "../LocalEngine.js"
import * as TinyModel from "../TinyModel.js"

const whole = TinyModel.random()

/** What is said of a file of these bytes, without its path. */
const saidOf = (bytes: Uint8Array): Effect.Effect<string> =>
  Effect.suspend(() => saidOfPath(fileOf("checked.gguf", bytes)))

const saidOfPath = (path: string): Effect.Effect<string> =>
  LocalLlamaFile.check("model", path).pipe(
    Effect.as("whole"),
    Effect.catchAll((error) => Effect.succeed(String(error).replace(path, "PATH")))
  )

const changed = (at: number, byte: number): Uint8Array => {
  const bytes = Uint8Array.from(whole)
  bytes[at] = byte
  return bytes
}

describe("the file of a model", () => {
  it.effect("is fine when it is a whole GGUF file", () =>
    Effect.gen(function* () {
      expect(yield* saidOf(whole)).toBe("whole")
      expect(yield* saidOf(TinyModel.scripted([{ text: "Yes." }]))).toBe("whole")
    })
  )

  it.effect.each([
    ["an empty file", new Uint8Array(), "the file is empty"],
    ["a web page", Buffer.from("<!doctype html><p>404"), 'this is no GGUF file: it begins with "<!do"'],
    ["a text of two letters", Buffer.from("GG"), 'this is no GGUF file: it begins with "GG"'],
    ["an old version", changed(4, 1), "this is a GGUF file of version 1; the engine reads 2 and 3"],
    // Behind the counts stand the first key and its type.
    [
      "a damaged head",
      changed(24 + 8 + "general.architecture".length, 99),
      'the GGUF file is damaged: "general.architecture" has no type that there is'
    ],
    ["a head that is cut", whole.subarray(0, 3000), "the GGUF file is cut within its head; get it again"],
    [
      "half of the weights",
      whole.subarray(0, 229_056),
      "the GGUF file is cut: 0.2 MB of 0.5 MB are there; get it again"
    ],
    ["all but a byte", whole.subarray(0, -1), "the GGUF file is cut: 0.5 MB of 0.5 MB are there; get it again"]
  ] as const)("is refused when it is %s", ([, bytes, expected]) =>
    Effect.gen(function* () {
      expect(yield* saidOf(bytes)).toBe(`(Invalid data at model: "PATH: ${expected}")`)
    })
  )

  it.effect("is refused when there is none, or a folder", () =>
    Effect.gen(function* () {
      expect(yield* saidOfPath("/nowhere/model.gguf")).toBe(
        '(Invalid data at model: "PATH: there is no file of this name")'
      )
      const folder = dirname(fileOf("checked.gguf", whole))
      expect(yield* saidOfPath(folder)).toBe('(Invalid data at model: "PATH: this is a folder, not a GGUF file")')
    })
  )

  it("is refused wherever it is cut", () =>
    fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        expect(await Effect.runPromise(saidOf(whole.subarray(0, length)))).not.toBe("whole")
      }),
      { numRuns: 100 }
    ))

  it("never makes the check fail in a way of its own, whatever its bytes", () =>
    fc.assert(
      fc.asyncProperty(fc.nat(9000), fc.nat(255), async (at, byte) => {
        expect(await Effect.runPromise(saidOf(changed(at, byte)))).toMatch(/^whole$|^\(Invalid data at model: /)
      }),
      { numRuns: 100 }
    ))

  it.effect("is read further where its head is long", () =>
    Effect.gen(function* () {
      const template = TinyModel.template + " ".repeat(3_000_000)
      const long = TinyModel.random({ chatTemplate: template })
      expect(yield* saidOf(long)).toBe("whole")
      expect(yield* saidOf(long.subarray(0, 2_000_000))).toContain("is cut within its head")
    })
  )
})

describe("what a model is called", () => {
  it.each([
    ["/models/Llama-3.2-3B.Q4_K_M.gguf", "Llama-3.2-3B.Q4_K_M"],
    ["llama.GGUF", "llama"],
    ["big-00001-of-00003.gguf", "big"],
    ["hf:owner/model:Q4_K_M", "hf:owner/model:Q4_K_M"],
    ["https://example.com/models/tiny.gguf?download=true", "tiny"]
  ])("%s is %s", (model, expected) => {
    expect(LocalLlamaFile.nameOf(model)).toBe(expected)
  })

  it("a file may be given by its URL", () => {
    const url = pathToFileURL("/models/a b.gguf").href
    expect(LocalLlamaFile.isUri(url)).toBe(false)
    expect(LocalLlamaFile.pathOf(url)).toBe("/models/a b.gguf")
    expect(LocalLlamaFile.nameOf(url)).toBe("a b")
  })
})
