// The reference in Rust, compiled to WebAssembly.
import { get_encoding } from "tiktoken"

export const make = () => {
  const encoding = get_encoding("o200k_base")
  return { count: (text) => encoding.encode_ordinary(text).length }
}
