import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { type LlmError, Prompt } from "../../src/index.js"
import * as Images from "../../src/wire/Images.js"
import { encoding } from "../../src/wire/Refusal.js"

const origin = { provider: "acme", model: "acme-1" }
const bytes = new Uint8Array([1, 2, 3])

const read = (part: Prompt.ImagePart, taken: Images.Taken = {}): Either.Either<unknown, LlmError.LlmError> =>
  Either.map(
    encoding(() => ({ body: { image: Images.read(part, taken, origin) }, warnings: [] })),
    ({ body }) => body["image"]
  )

const pictures: Images.Taken = { types: ["image/png", "image/jpeg"] }

describe("an image", () => {
  it.each<[string, Prompt.ImagePart, Images.Taken, unknown]>([
    ["as bytes", Prompt.imageBytes(bytes, "image/png"), {}, { _tag: "Bytes", mediaType: "image/png", base64: "AQID" }],
    ["of any kind, where none is ruled out", Prompt.imageBytes(bytes, "image/x-new"), {}, { mediaType: "image/x-new" }],
    ["of a kind that is taken", Prompt.imageBytes(bytes, "image/png"), pictures, { mediaType: "image/png" }],
    ["of a kind in other letters", Prompt.imageBytes(bytes, "Image/JPG"), pictures, { mediaType: "image/jpeg" }],
    [
      "in a data URL",
      Prompt.imageUrl("data:image/png;base64,AQID"),
      { urls: "none" },
      { _tag: "Bytes", base64: "AQID" }
    ],
    [
      "in a data URL whose kind stands beside it",
      { ...Prompt.imageUrl("data:;base64,AQID"), mediaType: "image/png" },
      pictures,
      { _tag: "Bytes", mediaType: "image/png" }
    ],
    [
      "by URL",
      Prompt.imageUrl("http://a.example/b"),
      {},
      { _tag: "Url", url: "http://a.example/b", mediaType: undefined }
    ],
    [
      "by the URL of a provider's own store",
      Prompt.imageUrl("gs://bucket/b"),
      {},
      { _tag: "Url", url: "gs://bucket/b" }
    ]
  ])("%s is read", (_, part, taken, expected) => {
    expect(Either.getOrThrow(read(part, taken))).toMatchObject(expected as object)
  })

  it.each<[string, Prompt.ImagePart, Images.Taken, object]>([
    [
      "of a kind that is not taken",
      Prompt.imageBytes(bytes, "image/bmp"),
      pictures,
      {
        feature: "prompt.image.mediaType",
        message: "images of type image/bmp are not taken: send image/png, image/jpeg"
      }
    ],
    [
      "of such a kind in a data URL",
      Prompt.imageUrl("data:image/bmp;base64,AQID"),
      pictures,
      { feature: "prompt.image.mediaType" }
    ],
    [
      "of such a kind by URL",
      { ...Prompt.imageUrl("https://a.example/b"), mediaType: "image/bmp" },
      pictures,
      { feature: "prompt.image.mediaType" }
    ],
    ["that is none", Prompt.imageBytes(bytes, "application/pdf"), {}, { feature: "prompt.image.mediaType" }],
    ["where none is taken", Prompt.imageBytes(bytes, "image/png"), { types: [] }, { feature: "prompt.Image" }],
    [
      "by URL, where bytes alone are",
      Prompt.imageUrl("https://a.example/b"),
      { urls: "none" },
      { feature: "prompt.image.source" }
    ],
    [
      "by http, where https alone is",
      Prompt.imageUrl("http://a.example/b"),
      { urls: "https" },
      { feature: "prompt.image.source" }
    ],
    ["on this machine", Prompt.imageUrl("file:///b.png"), {}, { feature: "prompt.image.source" }],
    ["at no URL", Prompt.imageUrl("b.png"), {}, { feature: "prompt.image.source" }],
    [
      "in a data URL that is no base64",
      Prompt.imageUrl("data:image/svg+xml,<svg/>"),
      {},
      { feature: "prompt.image.source" }
    ]
  ])("%s is refused, by name, before anything is sent", (_, part, taken, expected) => {
    expect(Either.getOrThrow(Either.flip(read(part, taken)))).toMatchObject({
      _tag: "UnsupportedFeature",
      attempts: 0,
      ...origin,
      ...expected
    })
  })

  it("as bytes that do not say what they are is an invalid request", () => {
    const part: Prompt.ImagePart = { _tag: "Image", source: { _tag: "Base64", base64: "AQID" } }
    expect(Either.getOrThrow(Either.flip(read(part)))).toMatchObject({
      _tag: "InvalidRequest",
      param: "prompt.image.mediaType"
    })
  })
})
