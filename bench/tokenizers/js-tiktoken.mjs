import { Tiktoken } from "js-tiktoken/lite"

export const make = async () => {
  const { default: ranks } = await import("js-tiktoken/ranks/o200k_base")
  const encoding = new Tiktoken(ranks)
  // Without the lists it throws on special tokens in a text.
  return { count: (text) => encoding.encode(text, [], []).length }
}
