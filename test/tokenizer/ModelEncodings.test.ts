import { describe, expect, it } from "@effect/vitest"
import { encodingOf } from "../../src/tokenizer/ModelEncodings.js"

const o200k = { encoding: "o200k_base", approximate: false }
const cl100k = { encoding: "cl100k_base", approximate: false }
const unknown = { encoding: "o200k_base", approximate: true }

describe("the encoding of a model", () => {
  it.each([
    "gpt-4o",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-audio-preview",
    "chatgpt-4o-latest",
    "gpt-4.1",
    "gpt-4.1-nano",
    "gpt-4.5-preview",
    "gpt-5",
    "gpt-5-pro",
    "gpt-5-codex",
    "gpt-5.1",
    "gpt-5.2-chat-latest",
    "o1",
    "o1-mini",
    "o3-pro-2025-06-10",
    "o4-mini",
    "gpt-oss-120b",
    "gpt-oss:20b",
    "openai/gpt-5",
    "openrouter/openai/gpt-4o:free",
    "openai.gpt-oss-120b-1:0",
    "ft:gpt-4o-mini-2024-07-18:acme:name:id",
    "ft:gpt-4.1:acme/team::id",
    "openai/ft:gpt-4o:acme::id",
    "GPT-4o",
    " gpt-4.1-mini ",
    "gpt-41-mini"
  ])("%s is o200k_base", (model) => {
    expect(encodingOf(model)).toEqual(o200k)
  })

  it.each([
    "gpt-4",
    "gpt-4-0613",
    "gpt-4-32k",
    "gpt-4-turbo-2024-04-09",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-0301",
    "gpt-3.5-turbo-instruct",
    "gpt-35-turbo",
    "gpt-35-turbo-16k",
    "azure/gpt-35-turbo",
    "ft:gpt-3.5-turbo-0125:acme::id",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
    "davinci-002",
    "babbage-002"
  ])("%s is cl100k_base", (model) => {
    expect(encodingOf(model)).toEqual(cl100k)
  })

  it.each([
    "claude-sonnet-4-5",
    "gemini-2.5-flash",
    "meta-llama/Llama-3.3-70B-Instruct",
    "mistral-large-latest",
    "glm-4.6",
    "deepseek-chat",
    "qwen3-max",
    "gpt-6",
    "gpt2",
    "text-davinci-003",
    "text-embedding-004",
    "o10",
    "o1x",
    "solo1",
    "my-deployment",
    "constructor",
    "__proto__",
    "ft:",
    "/",
    "",
    undefined
  ])("%s is not known, so an estimate by o200k_base", (model) => {
    expect(encodingOf(model)).toEqual(unknown)
  })
})
