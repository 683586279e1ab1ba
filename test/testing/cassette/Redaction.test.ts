import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Bytes from "../../../src/testing/cassette/Bytes.js"
import { Redaction } from "../../../src/testing/cassette/Redaction.js"

const key = "TopSecretWordsOfMine"

const knowing = (): Redaction => {
  const redaction = new Redaction({})
  redaction.learnRequest(new URL("https://llm.example/v1"), { authorization: `Bearer ${key}` })
  return redaction
}

describe("Redaction", () => {
  it.each([
    '{"password": "<redacted>"}',
    "Authorization: Bearer <redacted>",
    "https://a/?key=<redacted>&n=1",
    "a=1&sig=<redacted>"
  ])("changes nothing that was redacted before: %s", (text) => {
    expect(knowing().text(text)).toBe(text)
  })

  it("leaves nothing of a known secret, whatever is around it", () => {
    const word = FastCheck.constantFrom(
      key,
      "Bearer ",
      "sk-",
      "0123456789abcdef",
      '"password": "',
      "a",
      " ",
      "&key=",
      '"',
      "é"
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(word, { maxLength: 12 }), (words) => {
        expect(knowing().text(words.join(""))).not.toContain(key)
      })
    )
  })

  it("leaves bytes that are no text as they are, but for a secret between them", () => {
    const bytes = Bytes.concat([Uint8Array.of(0xff, 0x00), Bytes.fromText(key), Uint8Array.of(0xc3)])
    expect(knowing().body(bytes)).toEqual(
      Bytes.concat([Uint8Array.of(0xff, 0x00), Bytes.fromText("<redacted>"), Uint8Array.of(0xc3)])
    )
  })

  it("knows a secret in the spellings of JSON and of URLs", () => {
    const redaction = new Redaction({})
    redaction.learnRequest(new URL("https://llm.example/v1"), { "api-key": 'a/b+c"d/éf' })
    for (const text of ['a/b+c"d/éf', String.raw`a/b+c\"d/éf`, String.raw`a\/b+c\"d\/éf`, "a%2Fb%2Bc%22d%2F%C3%A9f"]) {
      expect(redaction.text(`<${text}>`)).toBe("<<redacted>>")
    }
  })

  // Each repeats what one of the patterns begins with, a megabyte long: a pattern that looked ahead without bound would
  // not end within the time of the test.
  it.each([
    "sk-aaaaaaaaaaaaaaaaaaaa-",
    "hf_aaaa-",
    "-eyJhbGciOiJI",
    "eyJhbGciOiJI.eyJhbGciOi_",
    "Bearer ",
    '"password":"',
    " ",
    "&key="
  ])("ends, whatever a body repeats: %s", (unit) => {
    const bytes = Bytes.fromText(unit.repeat(Math.ceil(1e6 / unit.length)))
    expect(knowing().body(bytes).length).toBeGreaterThan(0)
  })
})
