import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Prompt, Tokenizer } from "effect-llm"
import { sizeOf } from "../../src/tokenizer/ImageSize.js"
import { tokensOf } from "../../src/tokenizer/ImageTokens.js"

type Write = (view: DataView) => void

const bytes = (length: number, signature: string, ...writes: ReadonlyArray<Write>): Uint8Array => {
  const view = new DataView(new ArrayBuffer(length))
  for (const [index, character] of [...signature].entries()) view.setUint8(index, character.charCodeAt(0))
  for (const write of writes) write(view)
  return new Uint8Array(view.buffer)
}

const png = (width: number, height: number): Uint8Array =>
  bytes(64, "\u0089PNG\r\n\u001a\n", (view) => {
    view.setUint32(16, width)
    view.setUint32(20, height)
  })

/** A preview of some size before the frame. */
const jpeg = (width: number, height: number, preview = 20): Uint8Array =>
  bytes(preview + 40, "\u00ff\u00d8\u00ff\u00e1", (view) => {
    view.setUint16(4, preview)
    view.setUint16(preview + 4, 0xff_c4) // a table, whose marker lies among those of frames
    view.setUint16(preview + 6, 4)
    view.setUint16(preview + 10, 0xff_c2)
    view.setUint16(preview + 15, height)
    view.setUint16(preview + 17, width)
  })

const webp = (kind: string, write: Write): Uint8Array => bytes(64, `RIFF\0\0\0\0WEBP${kind}`, write)

describe("the size of a picture", () => {
  const of = (content: Uint8Array) => Option.getOrUndefined(sizeOf(Prompt.imageBytes(content, "image/x").source))

  it.each([
    ["PNG", png(800, 600)],
    [
      "GIF",
      bytes(64, "GIF89a", (view) => {
        view.setUint16(6, 800, true)
        view.setUint16(8, 600, true)
      })
    ],
    ["JPEG", jpeg(800, 600)],
    ["JPEG with a preview", jpeg(800, 600, 60_000)],
    [
      "WebP, lossy",
      webp("VP8 ", (view) => {
        view.setUint16(26, 800, true)
        view.setUint16(28, 600, true)
      })
    ],
    ["WebP, lossless", webp("VP8L", (view) => view.setUint32(21, 799 | (599 << 14), true))],
    [
      "WebP, extended",
      webp("VP8X", (view) => {
        view.setUint32(24, 799, true)
        view.setUint16(27, 599, true)
      })
    ]
  ])("is read from %s", (_, content) => {
    expect(of(content)).toEqual({ width: 800, height: 600 })
  })

  it("is read from a data URL", () => {
    const url = `data:image/png;base64,${Buffer.from(png(3, 4)).toString("base64")}`
    expect(Option.getOrUndefined(sizeOf(Prompt.imageUrl(url).source))).toEqual({ width: 3, height: 4 })
  })

  it.each([
    ["a URL", Prompt.imageUrl("https://example.com/a.png")],
    ["a data URL of text", Prompt.imageUrl("data:text/plain,hello")],
    ["nothing", Prompt.imageBytes(new Uint8Array(), "image/png")],
    ["a few bytes", Prompt.imageBytes(png(8, 8).slice(0, 20), "image/png")],
    ["a JPEG that ends early", Prompt.imageBytes(jpeg(8, 8).slice(0, 24), "image/jpeg")],
    ["a JPEG of zeros", Prompt.imageBytes(bytes(64, "\u00ff\u00d8"), "image/jpeg")],
    ["a picture without extent", Prompt.imageBytes(png(0, 8), "image/png")],
    [
      "a WebP of an unknown kind",
      Prompt.imageBytes(
        webp("ALPH", () => {}),
        "image/webp"
      )
    ],
    ["what is no base64", { _tag: "Image", source: { _tag: "Base64", base64: "%%%" } } satisfies Prompt.ImagePart]
  ])("is not known of %s", (_, { source }) => {
    expect(sizeOf(source)).toEqual(Option.none())
  })
})

describe("the tokens of a picture", () => {
  // The examples of OpenAI's guide to images, and others by its rules.
  it.each([
    ["gpt-4o", 1024, 1024, "high", 765],
    ["gpt-4o", 2048, 4096, "high", 1105],
    ["gpt-4o", 4096, 8192, "low", 85],
    ["gpt-4o", 128, 64, undefined, 255],
    ["gpt-4.1", 1024, 1024, undefined, 765],
    ["gpt-4o-mini", 512, 512, undefined, 8500],
    ["gpt-4o-mini", 512, 512, "low", 2833],
    ["gpt-5", 1024, 1024, "high", 630],
    ["gpt-5.1", 1024, 1024, "low", 70],
    ["o3", 1024, 1024, "auto", 675],
    ["gpt-4.1-mini", 1024, 1024, "high", 1659],
    ["gpt-4.1-mini", 1800, 2400, "low", 2353],
    ["gpt-4.1-nano", 1024, 1024, undefined, 2520],
    ["gpt-5-mini", 1024, 1024, undefined, 1659],
    ["o4-mini", 128, 64, undefined, 14],
    ["openai/o4-mini", 128, 64, undefined, 14],
    ["claude-sonnet-4-5", 1024, 1024, undefined, 765]
  ] as const)("for %s of %d by %d, detail %s, are %d", (model, width, height, detail, tokens) => {
    const image = Prompt.imageBytes(png(width, height), "image/png", detail === undefined ? {} : { detail })
    expect(tokensOf(image, model)).toBe(tokens)
  })

  it("are never more than those of 1,536 patches", () => {
    for (const [width, height] of [
      [5000, 5000],
      [4000, 1474],
      [100_000, 40],
      [33, 100_000]
    ] as const) {
      const tokens = tokensOf(Prompt.imageBytes(png(width, height), "image/png"), "gpt-4.1-mini")
      expect(tokens).toBeGreaterThan(0)
      expect(tokens).toBeLessThanOrEqual(Math.ceil(1536 * 1.62))
    }
  })

  it.effect("are part of a chat, as an estimate", () =>
    Effect.gen(function* () {
      const text = yield* Tokenizer.countChatDetailed([Prompt.user("Look:")], { model: "gpt-4o" })
      const prompt = [Prompt.user([Prompt.text("Look:"), Prompt.imageUrl("https://example.com/a.png")])]
      const both = yield* Tokenizer.countChatDetailed(prompt, { model: "gpt-4o" })
      expect(both.tokens - text.tokens).toBe(765)
      expect(both).toMatchObject({ approximate: true, estimated: ["images"] })
    }).pipe(Effect.provide(Tokenizer.layer))
  )
})
